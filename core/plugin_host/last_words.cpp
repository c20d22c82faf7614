#include "plugin_host/last_words.hpp"

#include <squall/testing/lent_memory.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string_view>
#include <typeinfo>

#include "plugin_host/plugin.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr int kInternal = 109, kPluginNotLoaded = 113;
constexpr std::array kCrashes{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kStackBytes = 256u << 10;   // dladdr and the unwinder are no small callers
constexpr timespec kStep{0, 10'000'000};
constexpr int kStepsMax = 1000;                   // 10 s: then it ends without results
constexpr timespec kForEver{3600, 0};

/// A line made without memory of the heap, which may be what is broken.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const std::size_t count = std::min(text.size(), sizeof(text_) - 2 - size_);
    std::memcpy(text_ + size_, text.data(), count);
    size_ += count;
    text_[size_] = 0;
    return *this;
  }
  Line& operator<<(const char* text) { return *this << std::string_view(text ? text : "?"); }
  Line& number(std::uint64_t value, int base) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value, base).ptr;
    return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
  }
  const char* text() const { return text_; }
  std::size_t size() const { return size_; }

 private:
  char text_[1024] = {};
  std::size_t size_ = 0;
};

// A handler can be given nothing. Written by the first thread that falls; read when `is_line_there`.
Line line;
Line thrown;                                  // what an exception said, before abort() came of it
std::atomic<bool> is_falling{false};          // somebody is the first
std::atomic<bool> is_line_there{false};       // … and has said it
std::atomic<bool> may_end{false};
std::atomic<bool> has_listener{false};
pthread_t fallen_thread, listener;
pthread_t main_thread;

std::string_view file_name(const char* path) {
  const std::string_view whole = path ? path : "?";
  return whole.substr(whole.rfind('/') + 1);
}

/// "plugin 'evil' crashed in start (libevil.so+0x1136)"; false, and nothing, when no plugin has to do with it.
bool tell_whose(std::string_view what, bool is_only_for_plugins) {
  const PluginTurn::Words turn = PluginTurn::now();
  const PluginFrame frame = find_plugin_on_stack();
  const Plugin* const plugin = turn.plugin ? turn.plugin : frame.plugin;
  if (!plugin && !turn.function && is_only_for_plugins) return false;
  if (plugin) line << "plugin '" << plugin->name() << "' ";
  else line << (turn.function ? "a plugin " : "squall ");
  line << what;
  if (turn.function) line << " in " << turn.function;
  else if (plugin) line << " on a thread of its own";
  Dl_info object{};
  if (frame.plugin && ::dladdr(frame.address, &object) != 0) {
    const auto offset = static_cast<std::uint64_t>(static_cast<char*>(frame.address) - static_cast<char*>(object.dli_fbase));
    (line << " (" << file_name(object.dli_fname) << "+0x").number(offset, 16) << ")";
  }
  return true;
}

void say_line() {
  Line whole;
  whole << "squall: " << line.text() << "\n";
  static_cast<void>(!::write(STDERR_FILENO, whole.text(), whole.size()));
}

/// The listener has the results. It may need what the fallen thread holds (the heap's lock): not for ever, then.
void wait_for_results() {
  if (!has_listener || ::pthread_equal(listener, ::pthread_self())) return;
  for (int i = 0; i < kStepsMax && !may_end; ++i) ::nanosleep(&kStep, nullptr);
}

void on_crash(int signal, siginfo_t* about, void*) {
  if (is_falling.exchange(true)) {
    // The listener, in what the first has broken, or the first in this handler: no more words. Others wait for the end.
    const bool is_listener = has_listener && ::pthread_equal(listener, ::pthread_self());
    if (!is_listener && !::pthread_equal(fallen_thread, ::pthread_self())) {
      for (;;) ::nanosleep(&kForEver, nullptr);
    }
  } else {
    fallen_thread = ::pthread_self();
    tell_whose("crashed", false);
    const char* const name = ::sigabbrev_np(signal);
    line << ": SIG" << name;
    if (thrown.size() > 0) line << ", " << thrown.text();
    if (const char* const ended = signal == SIGSEGV ? lent::Closed::ended_by(about->si_addr) : nullptr) {
      line << ", in a view that was kept after " << ended;
    }
    say_line();
    is_line_there = true;
    wait_for_results();
  }
  ::signal(signal, SIG_DFL);
  sigset_t own;
  ::sigemptyset(&own);
  ::sigaddset(&own, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
}

/// An exception that leaves a function of the ABI ends here: they are noexcept.
[[noreturn]] void on_terminate() {
  if (std::exception_ptr exception = std::current_exception()) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    int status = 0;
    char* const name = type ? abi::__cxa_demangle(type->name(), nullptr, nullptr, &status) : nullptr;
    thrown << "an exception that nobody caught: " << (name ? name : "of unknown type");
    try {
      std::rethrow_exception(std::move(exception));
    } catch (const std::exception& error) {
      thrown << ": " << error.what();
    } catch (...) {
    }
  }
  std::abort();
}

void on_exit_called(int status, void*) {
  if (is_line_there) {   // the end of main(), a moment after another thread fell
    if (!::pthread_equal(fallen_thread, ::pthread_self())) leave_to_the_fallen();
    return;
  }
  const PluginTurn::Words turn = PluginTurn::now();
  if (!turn.function && ::pthread_equal(main_thread, ::pthread_self())) return;   // the program's own
  if (is_falling.exchange(true)) return;
  fallen_thread = ::pthread_self();
  Line what;
  (what << "called exit(").number(static_cast<std::uint64_t>(status & 0xFF), 10) << ")";
  if (!tell_whose({what.text(), what.size()}, true)) {
    is_falling = false;
    return;
  }
  say_line();
  is_line_there = true;
  wait_for_results();
  const bool is_loading = turn.plugin && !turn.plugin->protocol && !turn.plugin->output;
  ::_exit(is_loading ? kPluginNotLoaded : kInternal);
}

}  // namespace

void prepare_last_words() {
  main_thread = ::pthread_self();
  static SignalStack stack;
  void* frame = nullptr;
  ::backtrace(&frame, 1);   // loads the unwinder: a handler must not
  std::set_terminate(on_terminate);
  for (const int signal : kCrashes) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0 || (action.sa_flags & SA_SIGINFO) || action.sa_handler != SIG_DFL) continue;
    action = {};
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(signal, &action, nullptr);
  }
  ::on_exit(on_exit_called, nullptr);
}

void hear_exit_first() { ::on_exit(on_exit_called, nullptr); }

SignalStack::SignalStack() {
  stack_t old{};
  if (::sigaltstack(nullptr, &old) != 0 || !(old.ss_flags & SS_DISABLE)) return;   // a sanitizer's
  memory_ = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory_ == MAP_FAILED) {
    memory_ = nullptr;
    return;
  }
  const stack_t own{memory_, 0, kStackBytes};
  ::sigaltstack(&own, nullptr);
}

SignalStack::~SignalStack() {
  if (!memory_) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
  ::munmap(memory_, kStackBytes);
}

LastWordsListener::LastWordsListener() {
  listener = ::pthread_self();
  has_listener = true;
}

LastWordsListener::~LastWordsListener() {
  if (!what_fell()) has_listener = false;
}

const char* what_fell() noexcept { return is_line_there ? line.text() : nullptr; }

bool has_fallen(pthread_t thread) noexcept { return is_line_there && ::pthread_equal(fallen_thread, thread) != 0; }

void leave_to_the_fallen() noexcept {
  if (!is_line_there) return;
  may_end = true;
  for (;;) ::nanosleep(&kForEver, nullptr);
}

}  // namespace squall
