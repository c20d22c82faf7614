// Why a plugin refuses: room for what it says, and what it may not say there.
#pragma once

#include <squall/abi.h>

#include <string>
#include <string_view>

namespace squall::plugin_check {

class Reason {
 public:
  Reason();
  sq_error* room() { return &error_; }
  /// True when it was SQ_OK. Else tells what is wrong with the refusal itself: a status that is none, no words, words without an end.
  bool accepts(std::string_view function, sq_status status) const;
  std::string text() const;

 private:
  sq_error error_{};
};

}  // namespace squall::plugin_check
