// Elasticsearch's bulk API: what is asked, and what its answers mean.
#pragma once
#include <ctime>

#include "options.hpp"
#include "sink/http_client.hpp"
#include "sink/wire.hpp"

namespace squall::elastic {

/// What a whole answer says of a batch of `n` documents.
sink::Answer judge(const sink::HttpAnswer& answer, size_t n, std::time_t now);

class BulkWire : public sink::Wire {
 public:
  /// Throws plugin::Refusal when `ca` cannot be read.
  explicit BulkWire(const Options& options);
  /// Before the first batch: the index templates, once.
  sink::Answer send(std::span<const sink::Record> batch, std::chrono::nanoseconds limit) override;

 private:
  /// `judged`: they are all there.
  sink::Answer put_templates(std::chrono::nanoseconds limit);
  sink::Answer without_secrets(sink::Answer answer) const;

  sink::HttpClient client_;
  std::vector<std::string> secrets_;
  bool are_templates_there_;
};

}  // namespace squall::elastic
