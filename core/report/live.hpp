// What a run shows while it goes on: a block that is repainted on a terminal, plain lines with growing
// intervals elsewhere. Writes to stderr only.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "stats/snapshot.hpp"

namespace squall {

struct LiveOptions {
  std::FILE* out = stderr;
  bool is_terminal = false;
  bool color = false;
  std::string scenario;
  std::int64_t planned_ns = 0;   // 0: not known
};

class Live {
 public:
  explicit Live(LiveOptions options);
  ~Live();   // the cursor is where a line begins

  /// Once a second.
  void show(const Snapshot& snapshot, std::int64_t run_time_ns, bool is_stopping);

 private:
  class Screen;
  std::unique_ptr<Screen> screen_;
};

}  // namespace squall
