// One step's parameters, checked and compiled when the plan is made; immutable afterwards, shared
// by all shards.
#pragma once
#include <memory>
#include <mutex>

#include "content.hpp"
#include "dump.hpp"
#include "framing.hpp"
#include "operations.hpp"

namespace squall::tcp {

struct Instance {
  explicit Instance(std::span<const sq_pair> options) {
    if (const sq_value* given = plugin::find(options, "seed"))
      seed = static_cast<uint64_t>(plugin::as_int(*given));
  }
  /// The arena of pattern or random bytes, made when first asked for. [any]
  std::shared_ptr<const Content> content(bool is_random) {
    std::lock_guard lock(mutex);
    std::shared_ptr<const Content>& content = contents[is_random];
    if (!content)
      content = std::make_shared<Content>(is_random ? Arena::random(seed) : Arena::pattern());
    return content;
  }

  uint64_t seed = 1;
  std::mutex mutex;
  std::shared_ptr<const Content> contents[2];
};

class Prepared {
 public:
  /// Throws plugin::Refusal with the parameter that is missing or wrong.
  Prepared(Instance& instance, uint32_t op, std::span<const sq_binding> bindings,
           const sq_wants& wants);

  uint32_t operation() const { return op_; }
  const sq_target* target(const sq_value* values) const { return args_.target(values); }
  sq_source* payload(const sq_value* values) const;
  const Framing& framing() const { return framing_; }
  bool adds_prefix() const { return adds_prefix_; }
  /// Of an answer's body.
  uint64_t keep_bytes() const { return keep_bytes_; }
  /// Without target and session.  Throws plugin::Refusal with what is wrong in the values.
  DumpOrder dump_order(const sq_value* values) const;

 private:
  void read_send();
  void read_request();
  void read_dump(Instance& instance);

  uint32_t op_;
  plugin::Args args_;
  uint64_t keep_bytes_ = 0;
  Framing framing_;
  bool adds_prefix_ = false;
  // Of a dump.
  std::shared_ptr<const Content> content_;
  bool has_file_ = false, has_checksum_ = false;
  uint64_t close_wait_ns_ = 2'000'000'000;
};

}  // namespace squall::tcp
