// One session of the host: a link per target, made at first use. Hands each call to its link, and
// keeps what came of it until the host lets go.
#pragma once
#include <squall/abi.h>

#include <memory>
#include <string_view>
#include <vector>

#include "link.hpp"
#include "prepared.hpp"

namespace squall::mqtt {

class Session {
 public:
  Session(Shard& shard, uint64_t id) : shard_(shard), id_(id) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start(const Prepared& prepared, const sq_value* args, sq_call* call);
  void cancel(sq_call* call);
  sq_status output(const sq_call* call, uint32_t index, std::string_view key, sq_value* out);
  void release(sq_call* call);

 private:
  Link& link_to(const sq_target* target);

  Shard& shard_;
  uint64_t id_;
  std::vector<std::unique_ptr<Link>> links_;  // one, nearly always
};

}  // namespace squall::mqtt
