// What a plugin has been asked for and answers later: the handles of shard_close, run, write and close.
#pragma once

#include <squall/abi.h>
#include <squall/testing/lent_memory.hpp>

#include <memory>
#include <thread>

#include "plugin_host/checked/handles.hpp"

namespace squall::checked {

struct OpenEnd {
  sq_done* real = nullptr;
  sq_shard* shard = nullptr;        // where it must be answered
  bool is_write = false;            // … by written(), else by done()
  std::thread::id thread = std::this_thread::get_id();
  lent::Memory batch{"written"};    // of a write
};

inline Handles<sq_done, OpenEnd>& open_ends() {
  // A thread that was given up may use it while the process ends.
  static auto& all = *new Handles<sq_done, OpenEnd>("handle", "that was answered");
  return all;
}

inline std::shared_ptr<OpenEnd> make_open_end(sq_done* real, sq_shard* shard) {
  auto end = std::make_shared<OpenEnd>();
  end->real = real;
  end->shard = shard;
  return end;
}

}  // namespace squall::checked
