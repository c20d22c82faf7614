#include "run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace squall::job {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr size_t kBufferBytes = 64 << 10;  // a pipe holds as much
constexpr int kReadsPerTurn = 16;          // a job that floods its output must not hold the shard
constexpr int kLastReads = 32;             // 2 MiB: no pipe of an ordinary user holds more than one
constexpr uint64_t kFirstPauseNs = kMillisecond / 4, kLongestPauseNs = 20 * kMillisecond;
constexpr uint64_t kSettleLimitNs =
    1000 * kMillisecond;  // what SIGKILL cannot end in this time hangs

/// Different for every run of every process that is alive: a tag, our pid, a count.
uint64_t next_mark() {
  static std::atomic<uint64_t> count{0};
  return uint64_t{0x5351} << 48 | (static_cast<uint64_t>(::getpid()) & 0x3fffff) << 26 |
         (++count & 0x3ffffff);
}

/// The same descriptor with a number above 2, where dup2() in the child cannot meet it.
Descriptor above_standard(Descriptor fd) {
  if (fd.get() < 0 || fd.get() > 2) return fd;
  return Descriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

/// A file in memory as standard input: its end is its end, nobody has to feed a pipe, and no writer
/// can meet SIGPIPE.
Descriptor memory_file(std::string_view bytes) {
  Descriptor file = above_standard(Descriptor(::memfd_create("stdin", MFD_CLOEXEC)));
  for (size_t at = 0; file && at < bytes.size();) {
    const ssize_t n =
        ::pwrite(file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (n <= 0) return {};
    at += static_cast<size_t>(n);
  }
  return file;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

std::string error_words(int error) {
  const char* name = ::strerrorname_np(error);
  const char* words = ::strerrordesc_np(error);
  return std::string(name ? name : "error") + " (" + (words ? words : "unknown") + ")";
}

}  // namespace

Workspace::Workspace(sq_shard* shard) : shard(shard), buffer(kBufferBytes) {
  null = above_standard(Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (!null) throw plugin::Refusal(SQ_E_IO, "cannot open /dev/null: " + error_words(errno));
  // Orphans of any thread's children come to the first living thread, which is the main one.
  const std::string main_thread = std::to_string(::getpid());
  const std::string path = "/proc/" + main_thread + "/task/" + main_thread + "/children";
  children = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

Run::Run(Workspace& workspace, void (*idle)(void*, Run*), void* owner)
    : workspace_(workspace),
      idle_(idle),
      owner_(owner),
      timer_(workspace.shard, &Run::on_timer, this) {}

Run::~Run() {
  if (state_ == State::kRunning ||
      state_ == State::kSettling) {  // the shard ends before the process
    ::kill(-group_, SIGKILL);
    reap_group();
  }
}

void Run::refuse(sq_call* call, uint32_t kind, int32_t code, std::string detail) {
  state_ = State::kDone;
  call_ = call;
  exit_code_ = -1;
  signal_ = 0;
  output_.clear();
  output_seen_ = limit_ = 0;
  is_released_ = is_cancelled_ = is_timeout_ = false;
  phases_.begin(call);
  report(kind, code, std::move(detail));
}

void Run::start(const Order& order, sq_call* call) {
  const std::string& name = order.program->name();
  int ends[2];
  Descriptor input;
  if (order.has_input) input = memory_file(order.input);
  if (order.has_input && !input)
    return refuse(call, SQ_K_LOCAL_RESOURCE, errno,
                  "cannot hold standard input: " + error_words(errno));
  Descriptor output;
  if (::pipe2(ends, O_CLOEXEC) == 0) {
    output_fd_ = Descriptor(ends[0]);
    output = above_standard(Descriptor(ends[1]));
  }
  if (!output) {
    const int error = errno;
    output_fd_.reset();
    return refuse(call, SQ_K_LOCAL_RESOURCE, error, "cannot make a pipe: " + error_words(error));
  }
  ::fcntl(output_fd_.get(), F_SETFL, O_NONBLOCK);

  mark_ = next_mark();
  const std::vector<char*> argv = pointers(order.argv), environment = pointers(order.environment);
  const Launched child = launch({order.program->path().c_str(), argv.data(), environment.data(),
                                 order.program->directory().c_str(),
                                 input ? input.get() : workspace_.null.get(), output.get(), mark_});
  if (child.pid < 0) {
    output_fd_.reset();
    return refuse(
        call, SQ_K_LOCAL_RESOURCE, child.error,
        std::string(child.step == std::string_view("fork")  ? "cannot fork for "
                    : child.step == std::string_view("cwd") ? "cannot enter the directory of "
                                                            : "cannot start ") +
            name + ": " + error_words(child.error));
  }
  group_ = child.pid;
  exit_fd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0u)));
  const int watch_error = exit_fd_ ? ENOMEM : errno;
  if (exit_fd_) {
    exit_watch_ =
        plugin::Watch(workspace_.shard, nullptr, exit_fd_.get(), SQ_FD_READ, &Run::on_exit, this);
    output_watch_ = plugin::Watch(workspace_.shard, nullptr, output_fd_.get(), SQ_FD_READ,
                                  &Run::on_output, this);
  }
  if (!exit_watch_ || !output_watch_) {
    ::kill(-group_, SIGKILL);
    while (::waitpid(group_, nullptr, 0) < 0 && errno == EINTR) {
    }
    close_descriptors();
    return refuse(call, SQ_K_LOCAL_RESOURCE, watch_error,
                  "cannot watch " + name + ": " + error_words(watch_error));
  }
  state_ = State::kRunning;
  call_ = call;
  call->bytes_out = order.has_input ? order.input.size() : 0;
  phases_.begin(call);
  phases_.mark(call, SQ_PH_SEND, now());
  is_released_ = is_cancelled_ = is_timeout_ = false;
  keep_output_ = order.keep_output;
  grace_ns_ = order.limits.grace_ns;
  limit_ = order.limits.output_bytes;
  output_seen_ = kill_at_ns_ = give_up_at_ns_ = 0;
  exit_code_ = -1;
  signal_ = 0;
  output_.clear();
}

void Run::close_descriptors() {
  exit_watch_.reset();
  exit_fd_.reset();
  output_watch_.reset();
  output_fd_.reset();
}

void Run::cancel() {
  if (state_ == State::kDone || state_ == State::kIdle || is_cancelled_) return;
  is_cancelled_ = true;
  is_timeout_ = call_ && call_->deadline_ns && now() >= call_->deadline_ns;
  if (state_ != State::kRunning) return;
  ::kill(-group_, SIGTERM);
  ::kill(-group_, SIGCONT);  // a stopped process takes no SIGTERM
  kill_at_ns_ = now() + grace_ns_;
  timer_.set_at(kill_at_ns_);
}

void Run::release() {
  is_released_ = true;
  if (state_ == State::kDone) {
    state_ = State::kIdle;
    idle_(owner_, this);
  }
}

void Run::on_exit(void* self, int, uint32_t) noexcept { static_cast<Run*>(self)->leader_exited(); }

void Run::on_output(void* self, int, uint32_t) noexcept {
  static_cast<Run*>(self)->read_output(kReadsPerTurn);
}

void Run::on_timer(void* self) noexcept {
  Run& run = *static_cast<Run*>(self);
  if (run.state_ == State::kSettling) return run.settle();
  if (run.state_ != State::kRunning) return;
  if (run.kill_at_ns_) {
    run.kill_at_ns_ = 0;
    ::kill(-run.group_, SIGKILL);
    run.give_up_at_ns_ = run.now() + kSettleLimitNs;
    run.timer_.set_at(run.give_up_at_ns_);
  } else if (run.now() >= run.give_up_at_ns_) {
    run.give_up();
  }
}

void Run::read_output(int most_reads) {
  std::vector<char>& buffer = workspace_.buffer;
  while (output_fd_ && most_reads-- > 0) {
    const ssize_t n = ::read(output_fd_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {  // all holders have closed it; the process may go on
      output_watch_.reset();
      output_fd_.reset();
      return;
    }
    if (output_seen_ == 0 && call_) {
      call_->first_byte_ns = now();
      phases_.mark(call_, SQ_PH_FIRST_BYTE, call_->first_byte_ns);
    }
    if (keep_output_ && output_seen_ < limit_)
      output_.append(buffer.data(), std::min(static_cast<uint64_t>(n), limit_ - output_seen_));
    output_seen_ += static_cast<uint64_t>(n);
    if (static_cast<size_t>(n) < buffer.size()) return;  // a pipe gives all it has
  }
}

void Run::leader_exited() {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(group_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    // Only a host that ignores SIGCHLD or waits for strangers gets here: nothing may be killed now.
    close_descriptors();
    state_ = State::kDone;
    return report(SQ_K_LOCAL_RESOURCE, errno, "reaped by somebody else");
  }
  if (info.si_pid == 0) return;
  if (info.si_code == CLD_EXITED)
    exit_code_ = info.si_status;
  else
    signal_ = info.si_status;
  exit_watch_.reset();
  exit_fd_.reset();
  // The leader is still a zombie, so the group is still its own.  The kernel lets no fork of a
  // member slip past a signal to the group: this one kill is enough.
  ::kill(-group_, SIGKILL);
  state_ = State::kSettling;
  pause_ns_ = kFirstPauseNs;
  if (!give_up_at_ns_) give_up_at_ns_ = now() + kSettleLimitNs;
  settle();
}

void Run::settle() {
  // In this order: only when the group is gone have all its members' children come to us.
  if (reap_group() && kill_marked_children()) return finish();
  if (now() >= give_up_at_ns_ && call_) return give_up();
  timer_.set_at(now() + pause_ns_);
  pause_ns_ = std::min(pause_ns_ * 2, kLongestPauseNs);
}

/// True when no process is in the group any more.
bool Run::reap_group() {
  siginfo_t info{};
  do {
    info.si_pid = 0;
    if (::waitid(P_PGID, static_cast<id_t>(group_), &info, WEXITED | WNOHANG) != 0 &&
        errno != EINTR)
      break;
  } while (info.si_pid != 0);
  return ::kill(-group_, 0) != 0 && errno == ESRCH;
}

/// Kills and reaps those of our children that carry the mark; true when a look found none.
bool Run::kill_marked_children() {
  if (!workspace_.children) return true;
  std::string list;
  for (char part[4096];;) {
    const ssize_t n =
        ::pread(workspace_.children.get(), part, sizeof part, static_cast<off_t>(list.size()));
    if (n <= 0) break;
    list.append(part, static_cast<size_t>(n));
  }
  bool is_clean = true;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    at = error == std::errc() ? next : at + 1;
    rlimit limit;
    if (error != std::errc() || ::prlimit(pid, RLIMIT_LOCKS, nullptr, &limit) != 0 ||
        limit.rlim_cur != mark_)
      continue;
    is_clean = false;
    ::kill(pid, SIGKILL);  // our child and unreaped: the number is its own
    ::waitpid(pid, nullptr, WNOHANG);
  }
  return is_clean;
}

void Run::finish() {
  read_output(kLastReads);  // what was in the pipe when the last writer died
  close_descriptors();
  timer_.disarm();
  state_ = State::kDone;
  if (call_) {
    if (signal_ != 0) {
      const char* name = ::sigabbrev_np(signal_);
      exit_code_ = 128 + signal_;
      report(SQ_K_NONE, exit_code_, std::string("signal ") + (name ? name : "unknown"));
    } else {
      report(SQ_K_NONE, exit_code_, exit_code_ == 0 ? "" : "exit " + std::to_string(exit_code_));
    }
  }
  if (is_released_) release();
}

/// The kernel does not let go of the process.  The call ends; the run stays until it does.
void Run::give_up() {
  read_output(kReadsPerTurn);
  close_descriptors();
  state_ = State::kSettling;
  plugin::host.log(SQ_LOG_WARN,
                   "job: process group " + std::to_string(group_) + " survives SIGKILL");
  report(SQ_K_LOCAL_RESOURCE, 0, "survives SIGKILL");
  pause_ns_ = kLongestPauseNs;
  timer_.set_at(now() + pause_ns_);
}

void Run::report(uint32_t kind, int32_t code, std::string detail) {
  sq_call* call = std::exchange(call_, nullptr);
  detail_ = std::move(detail);
  call->bytes_in = output_seen_;
  call->end_ns = now();
  phases_.mark(call, SQ_PH_RECEIVE, call->end_ns);
  uint32_t outcome = kind == SQ_K_NONE ? SQ_OUT_OK : SQ_OUT_FAILED;
  if (is_cancelled_ && kind == SQ_K_NONE) outcome = is_timeout_ ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED;
  plugin::complete(call, outcome, kind, code, detail_);
}

}  // namespace squall::job
