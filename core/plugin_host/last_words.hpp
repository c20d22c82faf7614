// When a plugin crashes, or ends the process by exit(), the last line names it and what it was doing, and the results
// so far are written if that can still be done: the thread that fell waits where it fell, while the one that holds
// the results writes them. Then the process ends as it would have: by that signal, or with 109.
#pragma once

#include <pthread.h>

namespace squall {

/// Once, first in main(). Signals that somebody handles already (a sanitizer) stay his.
void prepare_last_words();
/// After plugins were loaded: what is said at exit() comes before what their libraries do then.
void hear_exit_first();

/// For a thread that runs plugins' code: memory for the handler, so that a stack without end is told, too.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  void* memory_ = nullptr;
};

/// While it lives the calling thread looks at what_fell() now and then, and writes results when it says something.
class LastWordsListener {
 public:
  LastWordsListener();
  ~LastWordsListener();
  LastWordsListener(const LastWordsListener&) = delete;
  LastWordsListener& operator=(const LastWordsListener&) = delete;
};

/// "plugin 'evil' crashed in start (libevil.so+0x1136): SIGSEGV" while a thread has fallen; else nullptr. [any]
const char* what_fell() noexcept;
/// It is this thread that fell: it will do nothing more. [any]
bool has_fallen(pthread_t thread) noexcept;
/// Results are written. When a thread has fallen it ends the process now, and this does not return.
void leave_to_the_fallen() noexcept;

}  // namespace squall
