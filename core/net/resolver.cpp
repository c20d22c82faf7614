#include "net/resolver.hpp"

#include <netdb.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <map>
#include <mutex>
#include <utility>

namespace squall {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

std::string_view resolve_detail(int error) {
  switch (error) {
    case EAI_NONAME: case EAI_NODATA: return "host not found";
    case EAI_AGAIN: return "name server does not answer";
    case EAI_FAIL: return "name server failed";
    case EAI_MEMORY: return "ENOMEM";
    default: return gai_strerror(error);
  }
}

Resolution look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return {{}, resolve_detail(error)};
  Resolution resolution;
  for (const addrinfo* item = list; item; item = item->ai_next)
    if (const auto address = Address::from(item->ai_addr, item->ai_addrlen))
      resolution.addresses.push_back(*address);
  freeaddrinfo(list);
  if (resolution.addresses.empty()) resolution.detail = "host not found";
  return resolution;
}

/// Carries one answer to a shard and deletes itself there.
struct Posted : Deferred {
  Resolver::Answer answer;
  Resolution resolution;
  static void deliver(Deferred& node) noexcept {
    const std::unique_ptr<Posted> self(&static_cast<Posted&>(node));
    if (!self->is_dropped) self->answer(self->resolution);
  }
};

void post_to(Environment& shard, Resolver::Answer answer, const Resolution& resolution) {
  auto posted = std::make_unique<Posted>();
  posted->run = Posted::deliver;
  posted->is_own = true;
  posted->answer = std::move(answer);
  posted->resolution = resolution;
  if (shard.post(*posted)) posted.release();
}

}  // namespace

struct Resolver::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, Lookup function, std::chrono::nanoseconds refresh)
      : control(context), look_up(std::move(function)), refresh_after(refresh) {}

  using Tell = std::function<void(const Resolution&)>;
  struct Entry {
    Resolution resolution;
    Clock::time_point at{};
    bool is_known = false;
    bool is_asking = false;
    std::vector<Tell> waiting;
  };

  void resolve(const std::string& host, bool refresh, Tell tell);
  void answered(const std::string& host, Resolution resolution);

  asio::io_context& control;
  const Lookup look_up;
  // How old an answer must be before a failed connection makes us ask again: a target that is down
  // refuses thousands of connections a second, and the name server must not notice.
  const std::chrono::nanoseconds refresh_after;
  std::mutex mutex;                          // guards entries
  std::map<std::string, Entry, std::less<>> entries;
  // getaddrinfo blocks for seconds when a name server is silent; two threads keep one dead domain
  // from holding up the rest.
  asio::thread_pool lookups{2};
};

void Resolver::State::resolve(const std::string& host, bool refresh, Tell tell) {
  std::unique_lock lock(mutex);
  Entry& entry = entries[host];
  const bool is_fresh = entry.is_known && Clock::now() - entry.at < refresh_after;
  const bool is_good = entry.is_known && !entry.resolution.addresses.empty() && !refresh;
  if (is_fresh || is_good) {
    const Resolution known = entry.resolution;
    lock.unlock();
    return tell(known);
  }
  entry.waiting.push_back(std::move(tell));
  if (std::exchange(entry.is_asking, true)) return;
  asio::post(lookups, [state = shared_from_this(), host] {
    Resolution resolution = state->look_up(host);
    asio::post(state->control, [state, host, resolution = std::move(resolution)]() mutable {
      state->answered(host, std::move(resolution));
    });
  });
}

void Resolver::State::answered(const std::string& host, Resolution resolution) {
  std::vector<Tell> waiting;
  {
    const std::lock_guard lock(mutex);
    Entry& entry = entries[host];
    entry.is_asking = false;
    entry.is_known = true;
    entry.at = Clock::now();
    entry.resolution = resolution;
    waiting.swap(entry.waiting);
  }
  for (const Tell& tell : waiting) tell(resolution);
}

Resolver::Resolver(asio::io_context& control) : Resolver(control, look_up) {}

Resolver::Resolver(asio::io_context& control, Lookup lookup, std::chrono::nanoseconds refresh_after)
    : state_(std::make_shared<State>(control, std::move(lookup), refresh_after)) {}

Resolver::~Resolver() {
  state_->lookups.stop();
  state_->lookups.join();
}

void Resolver::resolve(const std::string& host, bool refresh, Environment& shard, Answer answer) {
  state_->resolve(host, refresh, [&shard, answer = std::move(answer)](const Resolution& resolution) {
    post_to(shard, answer, resolution);
  });
}

void Resolver::resolve(const std::string& host, Answer answer) {
  state_->resolve(host, false, [state = state_.get(), answer = std::move(answer)](const Resolution& resolution) {
    asio::post(state->control, [answer, resolution] { answer(resolution); });
  });
}

bool Resolver::cached(const std::string& host, Resolution& out) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->entries.find(host);
  if (found == state_->entries.end() || !found->second.is_known || found->second.resolution.addresses.empty())
    return false;
  out = found->second.resolution;
  return true;
}

}  // namespace squall
