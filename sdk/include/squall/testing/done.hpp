// What a plugin answers when something asynchronous of it has ended, and the account of an output. Of both fake hosts.
#pragma once
#include <squall/abi.h>

#include <cstdint>
#include <functional>
#include <string>

struct sq_done {
  bool ended = false;            // done() or written() has come
  int done = 0, written = 0;     // how often
  sq_status status = SQ_OK;
  std::string detail;
  uint64_t delivered = 0, rejected = 0;   // of all batches
  uint32_t retry = 0;                     // of the last one
  std::string why;
  std::function<void()> on_end;  // of those whose end is waited for

  void tell(const sq_delivery& delivery) {
    ended = true;
    ++written;
    delivered += delivery.delivered;
    rejected += delivery.rejected;
    retry = delivery.retry;
    why.assign(delivery.why.len ? delivery.why.ptr : "", static_cast<std::size_t>(delivery.why.len));
  }
};
