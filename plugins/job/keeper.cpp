#include "keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace squall::job {
namespace {

constexpr uint64_t kMillisecond = 1'000'000, kSecond = 1000 * kMillisecond;
constexpr uint64_t kFirstPauseNs = kMillisecond / 4, kLongestPauseNs = 20 * kMillisecond;
constexpr uint64_t kHousekeepingNs = 100 * kMillisecond;
constexpr uint64_t kSettleLimitNs = 2 * kSecond;  // what SIGKILL cannot end in this time hangs
constexpr int kEventsPerLook = 64;
constexpr uint64_t kWakeMark = 0;  // no run's mark

uint64_t clock_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// Different for every run of every process that is alive: a tag, our pid, a count.
uint64_t next_mark() {
  static std::atomic<uint64_t> count{0};
  return uint64_t{0x5351} << 48 | (static_cast<uint64_t>(::getpid()) & 0x3fffff) << 26 |
         (++count & 0x3ffffff);
}

uint64_t mark_of(pid_t pid) {
  rlimit limit;
  return ::prlimit(pid, RLIMIT_LOCKS, nullptr, &limit) == 0 ? limit.rlim_cur : 0;
}

/// A file in memory as standard input: its end is its end, nobody has to feed a pipe, and no writer
/// can meet SIGPIPE. Empty with errno set when it cannot be made.
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

/// Reaps the dead of a group that are our children; true when no process is in it any more.
bool reap_group(pid_t group) {
  siginfo_t info{};
  do {
    info.si_pid = 0;
    if (::waitid(P_PGID, static_cast<id_t>(group), &info, WEXITED | WNOHANG) != 0 && errno != EINTR)
      break;
  } while (info.si_pid != 0);
  return ::kill(-group, 0) != 0 && errno == ESRCH;
}

Descriptor needed(int fd, const char* what) {
  Descriptor descriptor(fd);
  if (!descriptor)
    throw plugin::Refusal(SQ_E_IO, std::string("cannot open ") + what + ": " + error_words(errno));
  return above_standard(std::move(descriptor));
}

}  // namespace

std::string error_words(int error) {
  const char* name = ::strerrorname_np(error);
  const char* words = ::strerrordesc_np(error);
  return std::string(name ? name : "error") + " (" + (words ? words : "unknown") + ")";
}

Descriptor above_standard(Descriptor fd) {
  if (fd.get() < 0 || fd.get() > 2) return fd;
  return Descriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

Keeper::Keeper()
    : null_(needed(::open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null")),
      events_(needed(::epoll_create1(EPOLL_CLOEXEC), "an epoll")),
      wake_(needed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "an eventfd")) {
  // Orphans of any thread's children come to the first living thread, which is the main one.
  // Without this file (CONFIG_PROC_CHILDREN) a job's group is all that can be ended.
  const std::string main_thread = std::to_string(::getpid());
  const std::string path = "/proc/" + main_thread + "/task/" + main_thread + "/children";
  orphans_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeMark}};
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
    throw plugin::Refusal(SQ_E_IO, "cannot watch an eventfd: " + error_words(errno));
  // Signals to the process are for the threads that expect them.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& problem) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw plugin::Refusal(SQ_E_IO, std::string("cannot start a thread: ") + problem.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread_.native_handle(), "job keeper");
}

Keeper::~Keeper() {
  is_ending_.store(true, std::memory_order_release);
  wake();
  thread_.join();
}

// ---- from other threads -----------------------------------------------------------------------

void Keeper::send(Message message) {
  bool was_empty;
  {
    std::lock_guard lock(mutex_);
    was_empty = inbox_.empty();
    inbox_.push_back(message);
  }
  if (was_empty) wake();
}

void Keeper::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

// ---- the keeper's thread ----------------------------------------------------------------------

void Keeper::work() {
  while (!is_ending_.load(std::memory_order_acquire)) {
    wait_for_events();
    take_messages();
    do_what_is_due();
    look_for_the_rest();
    launch_next();  // one, so that those that end do not wait for a hundred that begin
  }
  kill_all();
}

void Keeper::wait_for_events() {
  uint64_t until = UINT64_MAX;
  if (!waiting_.empty()) until = 0;
  if (!children_.empty()) until = std::min(until, look_at_ns_);
  if (!due_.empty()) until = std::min(until, due_.begin()->first);
  const uint64_t now = clock_ns();
  const uint64_t left = until > now ? until - now : 0;
  const timespec timeout{static_cast<time_t>(left / kSecond), static_cast<long>(left % kSecond)};
  pollfd ready{events_.get(), POLLIN, 0};
  if (::ppoll(&ready, 1, until == UINT64_MAX ? nullptr : &timeout, nullptr) <= 0) return;
  epoll_event events[kEventsPerLook];
  const int count = ::epoll_wait(events_.get(), events, kEventsPerLook, 0);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kWakeMark) {
      uint64_t wakes;
      [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &wakes, sizeof wakes);
    } else if (const auto found = children_.find(events[i].data.u64); found != children_.end()) {
      leader_exited(found->second);
    }
  }
}

void Keeper::take_messages() {
  {
    std::lock_guard lock(mutex_);
    messages_.swap(inbox_);
  }
  for (const Message& message : messages_) {
    if (message.what == What::kStart)
      waiting_.push_back(message.errand);
    else
      stop_child(*message.errand, message.what == What::kKill);
  }
  messages_.clear();
}

void Keeper::stop_child(Errand& errand, bool at_once) {
  if (std::erase(waiting_, &errand) > 0) {
    errand.is_withdrawn = true;
    return fail(errand, "not started yet", 0);
  }
  const auto found = children_.find(errand.mark_);
  if (found == children_.end()) return;  // its end is on the way to the shard
  Child& child = found->second;
  if (at_once) return kill_group(child);
  if (child.is_killed) return;
  ::kill(-child.group, SIGTERM);
  ::kill(-child.group, SIGCONT);  // a stopped process takes no SIGTERM
  due_.emplace(clock_ns() + errand.grace_ns, child.mark);
}

void Keeper::launch_next() {
  if (waiting_.empty()) return;
  Errand& errand = *waiting_.front();
  waiting_.pop_front();
  try {
    launch_program(errand);
  } catch (const std::bad_alloc&) {
    fail(errand, "cannot start " + errand.program->name() + ": " + error_words(ENOMEM), ENOMEM);
  }
}

void Keeper::launch_program(Errand& errand) {
  const std::string& name = errand.program->name();
  if (!errand.program->is_unchanged())
    return fail(errand, name + " has changed since the start", 0);
  Descriptor input;
  if (errand.has_input && !(input = memory_file(errand.input)))
    return fail(errand, "cannot hold standard input: " + error_words(errno), errno);
  const uint64_t mark = next_mark();
  const std::vector<char*> argv = pointers(errand.argv), environment = pointers(errand.environment);
  Child& child = children_[mark];  // before there is a process: nothing may throw while it runs
  const Launched launched = launch({errand.program->path().c_str(), argv.data(), environment.data(),
                                    errand.program->directory().c_str(),
                                    input ? input.get() : null_.get(), errand.output.get(), mark});
  if (launched.pid < 0) {
    children_.erase(mark);
    const std::string_view step = launched.step;
    return fail(errand,
                (step == "fork"  ? "cannot fork for "
                 : step == "cwd" ? "cannot enter the directory of "
                                 : "cannot start ") +
                    name + ": " + error_words(launched.error),
                launched.error);
  }
  errand.launched_ns = plugin::host.loop->now_ns(errand.shard);
  errand.output.reset();  // the program's alone now: its end is the end of output
  child.errand = &errand;
  child.group = launched.pid;
  child.mark = errand.mark_ = mark;
  child.exit_fd = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, launched.pid, 0u)));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = mark}};
  if (!child.exit_fd ||
      ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, child.exit_fd.get(), &event) != 0) {
    const int error = errno;
    errand.failure = "cannot watch " + name + ": " + error_words(error);
    errand.error = error;
    ::kill(launched.pid, SIGKILL);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(launched.pid), &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    leader_exited(child);
  }
}

void Keeper::leader_exited(Child& child) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(child.group), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    // Only a host that ignores SIGCHLD or waits for strangers gets here: nothing may be killed now.
    if (child.errand) fail(*child.errand, "reaped by somebody else", errno);
    children_.erase(child.mark);
    return;
  }
  if (info.si_pid == 0) return;
  (info.si_code == CLD_EXITED ? child.exit_code : child.signal) = info.si_status;
  if (child.exit_fd) ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, child.exit_fd.get(), nullptr);
  child.exit_fd.reset();
  // The leader is still a zombie, so the group is still its own.  The kernel lets no fork of a
  // member slip past a signal to the group: this one kill is enough.
  kill_group(child);
  child.is_settling = true;
  settling_.push_back(&child);
  look_at_ns_ = 0;
  pause_ns_ = kFirstPauseNs;
}

void Keeper::kill_group(Child& child) {
  if (child.is_settling) return;  // its number may be somebody else's
  ::kill(-child.group, SIGKILL);
  child.is_killed = true;
  if (child.give_up_at_ns) return;
  child.give_up_at_ns = clock_ns() + kSettleLimitNs;
  due_.emplace(child.give_up_at_ns, child.mark);
}

void Keeper::do_what_is_due() {
  while (!due_.empty() && due_.begin()->first <= clock_ns()) {
    const auto [at_ns, mark] = *due_.begin();
    due_.erase(due_.begin());
    const auto found = children_.find(mark);
    if (found == children_.end()) continue;
    Child& child = found->second;
    if (!child.is_killed) {
      kill_group(child);
    } else if (at_ns >= child.give_up_at_ns && child.errand) {
      // The kernel does not let go of it. The call ends; the child stays until it does.
      plugin::host.log(SQ_LOG_WARN,
                       "job: process group " + std::to_string(child.group) + " survives SIGKILL");
      fail(*std::exchange(child.errand, nullptr), "survives SIGKILL", 0);
    }
  }
}

void Keeper::look_for_the_rest() {
  if (children_.empty() || clock_ns() < look_at_ns_) return;
  // In this order: only when a group is gone have all its members' children come to us.
  for (Child* child : settling_) child->is_gone = reap_group(child->group);
  read_orphans();
  for (const pid_t pid : pids_) {
    const auto found = children_.find(mark_of(pid));
    if (found == children_.end()) continue;
    if (found->second.is_settling) {
      found->second.is_gone = false;
      ::kill(pid, SIGKILL);  // our child and unreaped: the number is its own
    }
    ::waitpid(pid, nullptr, WNOHANG);
  }
  std::erase_if(settling_, [this](Child* child) {
    if (!child->is_gone) return false;
    if (Errand* errand = child->errand) {
      errand->exit_code = child->exit_code;
      errand->signal = child->signal;
      answer(*errand);
    }
    children_.erase(child->mark);
    return true;
  });
  if (settling_.empty()) {
    look_at_ns_ = clock_ns() + kHousekeepingNs;
  } else {
    look_at_ns_ = clock_ns() + pause_ns_;
    pause_ns_ = std::min(pause_ns_ * 2, kLongestPauseNs);
  }
}

/// The list of the main thread's children is whole: nobody but this thread takes orphans out of it.
void Keeper::read_orphans() {
  pids_.clear();
  if (!orphans_) return;
  list_.clear();
  for (char part[4096];;) {
    const ssize_t n = ::pread(orphans_.get(), part, sizeof part, static_cast<off_t>(list_.size()));
    if (n <= 0) break;
    list_.append(part, static_cast<size_t>(n));
  }
  const char* at = list_.data();
  const char* const end = at + list_.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    at = error == std::errc() ? next : at + 1;
    if (error == std::errc()) pids_.push_back(pid);
  }
}

/// The run is over, and whoever gave these errands may be gone.
void Keeper::kill_all() {
  waiting_.clear();
  for (auto& [mark, child] : children_) {
    child.errand = nullptr;
    kill_group(child);
  }
  for (const uint64_t limit = clock_ns() + kSettleLimitNs;
       !children_.empty() && clock_ns() < limit;) {
    wait_for_events();
    look_for_the_rest();
  }
}

void Keeper::fail(Errand& errand, std::string failure, int error) {
  errand.failure = std::move(failure);
  errand.error = error;
  answer(errand);
}

void Keeper::answer(Errand& errand) {
  errand.mark_ = 0;
  errand.output.reset();
  errand.ended_ns = plugin::host.loop->now_ns(errand.shard);
  errand.post_.fn = errand.on_ended;
  errand.post_.ctx = errand.owner;
  // Refused once the shard has stopped: then nobody is left to tell.
  plugin::host.loop->post(errand.shard, &errand.post_);
}

}  // namespace squall::job
