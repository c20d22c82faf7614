#include "net/reactor.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace squall {
namespace {

constexpr int kEventsPerLook = 4096;
constexpr int kEventsPerTurn = 256;   // about 2 ms of work
constexpr int kEventsPerGroup = 16;
constexpr int kCrowd = 64;
constexpr int kWatchesPerBlock = 64;

std::uint64_t clock_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000u), static_cast<long>(ns % 1'000'000'000u)};
}

std::uint32_t kernel_mask(std::uint32_t events) {
  return ((events & SQ_FD_READ) ? std::uint32_t{EPOLLIN} : 0u) |
         ((events & SQ_FD_WRITE) ? std::uint32_t{EPOLLOUT} : 0u);
}

// A hang-up or an error makes every call on the descriptor return at once, so both are shown as
// "ready" for whatever was asked: the library's own call then finds out what it is.
std::uint32_t shown_events(std::uint32_t kernel, std::uint32_t asked) {
  const bool over = kernel & (EPOLLERR | EPOLLHUP);
  std::uint32_t shown = 0;
  if ((kernel & EPOLLIN) || over) shown |= asked & SQ_FD_READ;
  if ((kernel & EPOLLOUT) || over) shown |= asked & SQ_FD_WRITE;
  if (kernel & EPOLLERR) shown |= SQ_FD_ERROR;
  return shown;
}

std::uint64_t event_key(int fd, std::uint32_t registration) {
  return (std::uint64_t{registration} << 32) | static_cast<std::uint32_t>(fd);
}

int fd_of(const epoll_event& event) { return static_cast<int>(static_cast<std::uint32_t>(event.data.u64)); }
std::uint32_t registration_of(const epoll_event& event) { return static_cast<std::uint32_t>(event.data.u64 >> 32); }

}  // namespace

Reactor::Reactor() : ready_(std::make_unique<epoll_event[]>(kEventsPerLook + 2)) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make an epoll");
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  // Edge-triggered: each write is one event, and nobody needs to read the counter back.
  epoll_event event{EPOLLIN | EPOLLET, {.u64 = event_key(-1, 0)}};
  if (wake_fd_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    const int error = errno;
    if (wake_fd_ >= 0) ::close(wake_fd_);
    ::close(epoll_);
    throw std::system_error(error, std::generic_category(), "cannot make the loop's wake-up");
  }
  turn_.return_ns = clock_ns();
}

Reactor::~Reactor() {
  ::close(wake_fd_);
  ::close(epoll_);
}

void Reactor::prepare_thread() {
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int Reactor::poll(std::uint64_t timeout_ns) {
  const timespec timeout = to_timespec(timeout_ns);
  const timespec* limit = timeout_ns == kForever ? nullptr : &timeout;
  if (has_pwait2_) {
    const int count = epoll_pwait2(epoll_, ready_.get(), kEventsPerLook, limit, nullptr);
    if (count >= 0) return count;
    if (errno != ENOSYS) return 0;  // EINTR
    has_pwait2_ = false;            // Linux before 5.11: one more call for the same precision
  }
  if (timeout_ns != 0) {
    pollfd set{epoll_, POLLIN, 0};
    if (ppoll(&set, 1, limit, nullptr) <= 0) return 0;
  }
  const int count = epoll_wait(epoll_, ready_.get(), kEventsPerLook, 0);
  return count > 0 ? count : 0;
}

int Reactor::sleep(std::uint64_t timeout_ns) {
  if (timeout_ns == 0) return poll(0);
  // Whoever pushed work before this exchange has set kNotified, or sees kAsleep and writes.
  if (state_.exchange(kAsleep) == kNotified) timeout_ns = 0;
  const int count = poll(timeout_ns);
  state_.exchange(kAwake);
  return count;
}

void Reactor::wake() noexcept {
  if (state_.exchange(kNotified) != kAsleep) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void Reactor::look(std::uint64_t timeout_ns, std::uint64_t now_ns) {
  ++look_;
  turn_.previous_return_ns = turn_.return_ns;
  turn_.enter_ns = now_ns ? now_ns : clock_ns();
  ready_next_ = 0;
  ready_end_ = sleep(timeout_ns);
  turn_.return_ns = clock_ns();
  // Fetching what is there already costs 0.1 to 0.7 µs an event, by how cold they are; anything longer was
  // a sleep. It ends with the first event, so a crowd was there before: there a look that took long was held
  // up by something else (a CPU quota).
  const bool is_crowd = ready_end_ >= kCrowd;
  const std::uint64_t fetching_ns = 2000u + (is_crowd ? 20'000u : 1000u) * static_cast<std::uint64_t>(ready_end_);
  turn_.slept = timeout_ns != 0 && turn_.return_ns - turn_.enter_ns > fetching_ns;
}

/// With thousands of watches neither they nor what they lead to are in the cache: those of this event and the next
/// are on their way while the one before is looked at.
void Reactor::fetch_ahead(int event) const {
  const auto watch_of = [this](int i) -> const Watch* {
    const int fd = i < ready_end_ ? fd_of(ready_[i]) : -1;
    return fd >= 0 ? slots_[static_cast<std::size_t>(fd)].first : nullptr;
  };
  if (const Watch* const watch = watch_of(event)) {
    const char* const context = static_cast<const char*>(watch->context_);
    for (int line = 0; line < 3; ++line) __builtin_prefetch(context + 64 * line);
  }
  if (const Watch* const after = watch_of(event + 1)) __builtin_prefetch(after);
}

/// The watch that alone will handle `event`, when it says no more than that there is something to read.
const Watch* Reactor::sole_reader(const epoll_event& event) const {
  const int fd = fd_of(event);
  if (fd < 0 || event.events != EPOLLIN) return nullptr;
  const Slot& slot = slots_[static_cast<std::size_t>(fd)];
  const bool is_current = slot.mask != 0 && slot.registration == registration_of(event);
  return is_current && slot.first && !slot.first->next_ ? slot.first : nullptr;
}

/// The end of the group that begins with the next event. What a system call evicts from the caches is most of what
/// a small answer costs us: all of a group are received in one go, and the handlers then run warm.
int Reactor::take_ahead(int end) {
  int next = ready_next_;
  const int last = std::min(end, next + kEventsPerGroup);
  const bool is_alone = end - next < 2;
  for (; next < last; ++next) {
    fetch_ahead(next + 1);
    const Watch* const watch = is_alone ? nullptr : sole_reader(ready_[next]);
    if (!watch || !watch->ahead_ || !watch->ahead_(watch->context_)) break;
  }
  return std::max(next, ready_next_ + 1);
}

unsigned Reactor::wait(std::uint64_t timeout_ns, std::uint64_t now_ns) {
  ++turn_.number;
  if (ready_next_ == ready_end_) look(timeout_ns, now_ns);
  unsigned handled = 0;
  const int end = std::min(ready_end_, ready_next_ + kEventsPerTurn);
  while (ready_next_ < end) {
    if (fd_of(ready_[ready_next_]) < 0) {   // only a wake
      ++ready_next_;
      continue;
    }
    if (hooks_.between) hooks_.between(hooks_.context);
    const int group_end = take_ahead(end);
    if (hooks_.taken) hooks_.taken(hooks_.context, turn_, static_cast<unsigned>(group_end - ready_next_));
    while (ready_next_ < group_end) {
      const epoll_event event = ready_[ready_next_++];
      handled += dispatch(fd_of(event), registration_of(event), event.events);
    }
  }
  while (retired_) {  // nobody iterates now: they may be used again
    Watch* const watch = retired_;
    retired_ = watch->next_retired_;
    watch->next_ = free_;
    free_ = watch;
  }
  if (rebuild_wanted_ && ready_next_ == ready_end_) rebuild();
  return handled;
}

unsigned Reactor::dispatch(int fd, std::uint32_t registration, std::uint32_t kernel_events) {
  const auto index = static_cast<std::size_t>(fd);
  if (slots_[index].mask == 0 || slots_[index].registration != registration) {
    // Either a callback of this turn dropped the registration after its event was fetched, or the
    // file lives on behind a duplicate although its descriptor was closed: the kernel then reports
    // it for ever and has no name to remove it by.
    if (slots_[index].changed_look != look_) rebuild_wanted_ = true;
    return 0;
  }
  unsigned handled = 0;
  // Unwatched watches keep `next_` until the turn ends; slots_ may move while a handler runs.
  for (Watch* watch = slots_[index].first; watch; watch = watch->next_) {
    if (!watch->alive_ || watch->registration_ != registration) continue;
    const std::uint32_t shown = shown_events(kernel_events, watch->events_);
    if (watch->events_ == 0 || shown == 0) continue;
    watch->handler_(watch->context_, fd, shown);
    ++handled;
  }
  return handled;
}

bool Reactor::register_anew(int fd, std::uint32_t mask) {
  Slot& slot = slots_[static_cast<std::size_t>(fd)];
  const std::uint32_t registration = next_registration_++;
  epoll_event event{mask, {.u64 = event_key(fd, registration)}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return false;
  slot.registration = registration;
  slot.mask = mask;
  slot.changed_look = look_;
  return true;
}

/// Tells the kernel what the watches of `fd` want together, if that has changed.
bool Reactor::apply(int fd) {
  Slot& slot = slots_[static_cast<std::size_t>(fd)];
  std::uint32_t mask = 0;
  for (Watch* watch = slot.first; watch; watch = watch->next_) mask |= kernel_mask(watch->events_);
  if (mask == slot.mask) return true;
  if (mask == 0) {  // with an empty mask the kernel would still report hang-ups, every turn
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    slot.mask = 0;
    slot.changed_look = look_;
    return true;
  }
  if (slot.mask != 0) {
    epoll_event event{mask, {.u64 = event_key(fd, slot.registration)}};
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0) {
      slot.mask = mask;
      return true;
    }
    if (errno != ENOENT) return false;  // ENOENT: closed and opened again under the same number
  }
  if (!register_anew(fd, mask)) return false;
  for (Watch* watch = slot.first; watch; watch = watch->next_) watch->registration_ = slot.registration;
  return true;
}

void Reactor::orphan_all(Slot& slot) {
  while (Watch* const watch = slot.first) {
    slot.first = watch->next_;
    watch->next_ = nullptr;
    watch->registration_ = 0;
  }
}

Watch* Reactor::watch(int fd, std::uint32_t events, Watch::Handler handler, void* context) {
  if (fd < 0) {
    errno = EBADF;
    return nullptr;
  }
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slots_.size()) slots_.resize(std::max<std::size_t>(index + 1, slots_.size() * 2));
  Slot& slot = slots_[index];
  if (slot.mask != 0) {
    // Registered already: the same file watched twice (EEXIST), or a new file under the number of
    // one that was closed without unwatch.  Then the old watches can never fire again.
    if (register_anew(fd, kernel_mask(events))) {
      orphan_all(slot);
      if (slot.mask == 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    } else if (errno != EEXIST) {
      return nullptr;
    }
  }
  Watch* const watch = take_watch();
  watch->handler_ = handler;
  watch->context_ = context;
  watch->fd_ = fd;
  watch->events_ = events & (SQ_FD_READ | SQ_FD_WRITE);
  watch->registration_ = slot.registration;
  watch->next_ = slot.first;
  slot.first = watch;
  if (!apply(fd)) {
    const int error = errno;
    unwatch(*watch);
    errno = error;
    return nullptr;
  }
  return watch;
}

bool Reactor::modify(Watch& watch, std::uint32_t events) {
  events &= SQ_FD_READ | SQ_FD_WRITE;
  if (events == watch.events_) return true;
  watch.events_ = events;
  return apply(watch.fd_);
}

void Reactor::unwatch(Watch& watch) {
  Slot& slot = slots_[static_cast<std::size_t>(watch.fd_)];
  bool was_listed = false;
  for (Watch** link = &slot.first; *link; link = &(*link)->next_) {
    if (*link != &watch) continue;
    *link = watch.next_;
    was_listed = true;
    break;
  }
  // An orphan is not in the list and leaves alone what its number's new owner registered.
  if (was_listed) apply(watch.fd_);
  watch.alive_ = false;
  --live_watches_;
  watch.next_retired_ = retired_;  // `next_` stays: dispatch() may be standing on this watch
  retired_ = &watch;
}

Watch* Reactor::take_watch() {
  if (!free_) {
    blocks_.push_back(std::make_unique<Watch[]>(kWatchesPerBlock));
    for (int i = 0; i < kWatchesPerBlock; ++i) {
      blocks_.back()[i].next_ = free_;
      free_ = &blocks_.back()[i];
    }
  }
  Watch* const watch = free_;
  free_ = watch->next_;
  watch->next_ = nullptr;
  watch->ahead_ = nullptr;
  watch->alive_ = true;
  ++live_watches_;
  return watch;
}

/// A fresh epoll with the registrations that are wanted: the only cure for one that has no number.
void Reactor::rebuild() {
  rebuild_wanted_ = false;
  const int fresh = epoll_create1(EPOLL_CLOEXEC);
  if (fresh < 0) return;  // out of descriptors: asked for again by the next stale event
  epoll_event event{EPOLLIN | EPOLLET, {.u64 = event_key(-1, 0)}};
  epoll_ctl(fresh, EPOLL_CTL_ADD, wake_fd_, &event);
  ::close(epoll_);
  epoll_ = fresh;
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    Slot& slot = slots_[fd];
    if (slot.mask == 0) continue;
    event = {slot.mask, {.u64 = event_key(static_cast<int>(fd), slot.registration)}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, static_cast<int>(fd), &event) != 0) slot.mask = 0;
  }
}

}  // namespace squall
