// What is sent: for each item of a batch the two lines that create its document.
//
// An _id is RUN-LETTER-BATCH-NUMBER, the same however often it is sent, so that what is there
// already is answered 409 and nothing is there twice.  Names are those of ECS where it has one, the rest is
// below squall.; times of day are RFC 3339, durations nanoseconds.
#pragma once
#include <squall/output.hpp>
#include <string>
#include <vector>

#include "../jsonl/json_lines.hpp"
#include "options.hpp"
#include "sink/wire.hpp"

namespace squall::elastic {

class Documents {
 public:
  struct Place {
    std::string name_space, host, version;
  };
  Documents(Place place, Samples samples);

  struct Rendered {
    std::vector<sink::Record> records;
    uint64_t unknown = 0;  // of a series that was never described: not in them
  };
  Rendered render(const plugin::Batch& batch);

 private:
  enum Stream : uint8_t { kWindow, kEnv, kSample, kEvent, kStreams };

  void remember(const sq_series_desc& series);
  void note_run(const plugin::Batch& batch);
  bool has(uint32_t series) const {
    return series < series_.size() && !series_[series].fields.empty();
  }
  void begin(Stream stream, uint64_t unix_ns);
  void end(std::vector<sink::Record>& into);
  void add_window(const sq_window& window, const plugin::Batch& batch, Rendered& out);
  void add_sample(const sq_sample& sample, const plugin::Batch& batch, Rendered& out);
  void add_gauge(const sq_gauge& gauge, const plugin::Batch& batch, Rendered& out);
  void add_event(const sq_event& event, Rendered& out);

  struct Series {
    std::string fields;   // rendered: what each of its documents has
    bool is_http = false;
  };
  Place place_;
  Samples samples_;
  std::vector<Series> series_;
  std::string run_id_ = "unknown", labels_;
  uint64_t batch_ = 0, number_ = 0;  // of the document within its batch and stream
  jsonl::JsonLines lines_;
};

}  // namespace squall::elastic
