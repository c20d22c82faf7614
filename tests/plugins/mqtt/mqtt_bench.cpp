// The plugin under load: N sessions on one shard, each publishing at a steady rate through the C ABI;
// prints CPU per 1,000 messages. Same arguments and schedule as tools/benchmarks/mosquitto_loop, against
// which the figure is read. Its host is an epoll loop and nothing else, so that the plugin's cost is
// not hidden behind an engine's.
//   mqtt_bench PORT CLIENTS RATE_PER_CLIENT QOS SECONDS [BYTES] [mosquitto|paho]
#include <dlfcn.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <mutex>
#include <squall/plugin.hpp>
#include <vector>

struct sq_shard {};
struct sq_timer {
  void (*fn)(void*) SQ_NOEXCEPT;
  void* ctx;
  uint64_t at_ns;
};
struct sq_watch {
  int fd;
  void (*fn)(void*, int, uint32_t) SQ_NOEXCEPT;
  void* ctx;
};
struct sq_target {
  sq_target_info info;
};
struct sq_series {};
struct sq_done {};

namespace {

using namespace squall::plugin;

sq_shard the_shard;
sq_series the_series;
int epoll_fd = -1, wake_fd = -1;
std::list<sq_timer> timers;
std::vector<sq_watch*> dead_watches;
std::mutex posts_mutex;
std::vector<sq_post*> posts;
long completed = 0, failed = 0;
uint64_t latency_sum_ns = 0, latency_max_ns = 0;
std::vector<sq_call*> finished;

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}
uint32_t epoll_events(uint32_t events) {
  return (events & SQ_FD_READ ? EPOLLIN : 0u) | (events & SQ_FD_WRITE ? EPOLLOUT : 0u);
}

const sq_calls_api kCalls{sizeof kCalls, 0,
                          [](sq_call* call) noexcept { finished.push_back(call); },
                          [](sq_call*, uint64_t, uint64_t) noexcept {}};
const sq_loop_api kLoop{
    sizeof kLoop, 0, [](sq_done*, sq_status, sq_str) noexcept {},
    [](sq_done*, const sq_delivery*) noexcept {}, [](sq_shard*) noexcept { return now_ns(); },
    [](sq_shard*) noexcept { return now_ns(); },
    [](sq_shard*) noexcept { return 0u; },
    [](sq_shard*, sq_post* post) noexcept -> sq_status {
      std::lock_guard lock(posts_mutex);
      posts.push_back(post);
      if (posts.size() == 1) eventfd_write(wake_fd, 1);
      return SQ_OK;
    },
    [](sq_shard*, void (*fn)(void*) SQ_NOEXCEPT, void* ctx) noexcept {
      return &timers.emplace_back(sq_timer{fn, ctx, 0});
    },
    [](sq_timer* timer, uint64_t at_ns) noexcept { timer->at_ns = at_ns; },
    [](sq_timer* timer) noexcept {
      timers.remove_if([timer](const sq_timer& one) { return &one == timer; });
    }};
const sq_fdwatch_api kWatch{
    sizeof kWatch, 0,
    [](sq_shard*, const sq_target*, int fd, uint32_t events,
       void (*fn)(void*, int, uint32_t) SQ_NOEXCEPT, void* ctx) noexcept {
      auto* const watch = new sq_watch{fd, fn, ctx};
      epoll_event event{epoll_events(events), {watch}};
      epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
      return watch;
    },
    [](sq_watch* watch, uint32_t events) noexcept -> sq_status {
      epoll_event event{epoll_events(events), {watch}};
      epoll_ctl(epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
      return SQ_OK;
    },
    [](sq_watch* watch) noexcept {
      epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, nullptr);
      watch->fn = nullptr;
      dead_watches.push_back(watch);
    }};
const sq_target_api kTarget{
    sizeof kTarget, 0, [](const sq_target* target) noexcept { return &target->info; },
    [](sq_str) noexcept -> const sq_target* { return nullptr; },
    [](sq_shard*, const sq_target*, void (*fn)(void*, sq_status, sq_str) SQ_NOEXCEPT,
       void* ctx) noexcept -> sq_status {
      fn(ctx, SQ_OK, str("127.0.0.1"));  // inside the call: this bench's plugin can bear it
      return SQ_OK;
    },
    [](const sq_target*, uint64_t) noexcept -> const sq_tls_info* { return nullptr; },
    [](const sq_target*, uint64_t) noexcept { return sq_str{}; },
    [](sq_shard*, const sq_target*, uint32_t) noexcept {}};
const sq_source_api kSource{
    sizeof kSource, 0, [](sq_source*) noexcept -> uint64_t { return 0; },
    [](sq_source*, uint64_t, sq_chunk*) noexcept -> sq_status { return SQ_E_INVALID; },
    [](sq_source*) noexcept -> sq_status { return SQ_E_INVALID; }};
const sq_samples_api kSamples{
    sizeof kSamples, 0, [](sq_str, sq_str) noexcept { return &the_series; },
    [](sq_shard*, uint64_t, sq_series*, uint64_t, uint64_t, uint32_t, uint32_t, uint64_t) noexcept {
    },
    [](sq_shard*, uint64_t, sq_series*, uint64_t) noexcept {}};

const void* extension(const sq_host*, const char* id, uint32_t) noexcept {
  const std::string_view name(id);
  return name == SQ_CALLS_V1     ? static_cast<const void*>(&kCalls)
         : name == SQ_LOOP_V1    ? static_cast<const void*>(&kLoop)
         : name == SQ_FDWATCH_V1 ? static_cast<const void*>(&kWatch)
         : name == SQ_TARGET_V1  ? static_cast<const void*>(&kTarget)
         : name == SQ_SOURCE_V1  ? static_cast<const void*>(&kSource)
         : name == SQ_SAMPLES_V1 ? static_cast<const void*>(&kSamples)
                                 : nullptr;
}
const sq_host kHost{sizeof kHost,  SQ_ABI_MAJOR, SQ_ABI_MINOR,
                    "bench",       "0",          extension,
                    [](const sq_host*, uint32_t, sq_str) noexcept {}};

struct User {
  void* session = nullptr;
  sq_call call{};
  bool busy = false;
};
const sq_protocol* table = nullptr;

void turn(int timeout_ms) {
  epoll_event events[256];
  const int count = epoll_wait(epoll_fd, events, 256, timeout_ms);
  for (int i = 0; i < count; ++i) {
    auto* const watch = static_cast<sq_watch*>(events[i].data.ptr);
    if (!watch) {
      eventfd_t ignored;
      eventfd_read(wake_fd, &ignored);
    } else if (watch->fn) {
      const uint32_t ready = events[i].events;
      uint32_t flags = 0;
      if (ready & (EPOLLIN | EPOLLHUP)) flags |= SQ_FD_READ;
      if (ready & EPOLLOUT) flags |= SQ_FD_WRITE;
      if (ready & EPOLLERR) flags |= SQ_FD_ERROR;
      watch->fn(watch->ctx, watch->fd, flags);
    }
  }
  std::vector<sq_post*> now;
  {
    std::lock_guard lock(posts_mutex);
    now.swap(posts);
  }
  for (sq_post* post : now) post->fn(post->ctx);
  for (sq_watch* watch : dead_watches) delete watch;
  dead_watches.clear();
  const uint64_t at = timers.empty() ? 0 : now_ns();
  for (sq_timer& timer : timers)
    if (timer.at_ns && timer.at_ns <= at) {
      timer.at_ns = 0;
      timer.fn(timer.ctx);
      break;
    }
  for (sq_call* call : finished) {
    User& user = *static_cast<User*>(call->owner_data);
    ++completed;
    failed += call->outcome != SQ_OUT_OK;
    const uint64_t latency = call->end_ns - call->due_ns;
    latency_sum_ns += latency;
    latency_max_ns = std::max(latency_max_ns, latency);
    table->release(user.session, call);
    user.busy = false;
  }
  finished.clear();
}

void start(User& user, void* prepared, uint64_t due_ns) {
  user.call = sq_call{};
  user.call.struct_size = sizeof user.call;
  user.call.shard = &the_shard;
  user.call.owner_data = &user;
  user.call.due_ns = due_ns;
  user.call.start_ns = now_ns();
  user.busy = true;
  table->start(user.session, prepared, nullptr, 0, &user.call);
}

double cpu_s() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}
long heap_bytes() { return static_cast<long>(mallinfo2().uordblks); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return std::fprintf(stderr, "usage: PORT CLIENTS RATE QOS SECONDS [BYTES]\n"), 2;
  const long clients = std::atol(argv[2]);
  const double rate = std::atof(argv[3]), seconds = std::atof(argv[5]);
  const std::string payload(argc > 6 ? std::strtoul(argv[6], nullptr, 10) : 64, 'x');
  epoll_fd = epoll_create1(0);
  wake_fd = eventfd(0, EFD_NONBLOCK);
  epoll_event wake{EPOLLIN, {nullptr}};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &wake);

  void* const library = dlopen(SQUALL_PLUGIN_DIR "/libmqtt.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 1;
  const auto entry = reinterpret_cast<sq_plugin_entry_fn>(dlsym(library, SQ_ENTRY_SYMBOL));
  const sq_plugin* const plugin = entry();
  sq_error error{};
  if (plugin->init(&kHost, &error) != SQ_OK) return std::fprintf(stderr, "%s\n", error.text), 1;
  table = static_cast<const sq_protocol*>(plugin->get_interface(SQ_PROTOCOL_V1));

  sq_target target{};
  target.info.struct_size = sizeof target.info;
  target.info.name = str("broker");
  target.info.scheme = str("mqtt");
  target.info.host = str("127.0.0.1");
  target.info.port = static_cast<uint32_t>(std::atoi(argv[1]));
  const sq_pair options[] = {{str("client"), text_value(argc > 7 ? argv[7] : "mosquitto")}};
  void *instance = nullptr, *shard = nullptr, *connect = nullptr, *publish = nullptr;
  table->open(options, 1, &instance, &error);
  sq_value to = make_value(SQ_T_TARGET);
  to.u.target = &target;
  const sq_wants wants{sizeof wants, 0, 0, 0};
  const sq_binding only_to[] = {{SQ_PARAM_TO, -1, to}};
  const sq_binding message[] = {{SQ_PARAM_TO, -1, to},
                                {0, -1, text_value("bench/x")},
                                {1, -1, bytes_value(payload)},
                                {2, -1, int_value(std::atoi(argv[4]))}};
  table->prepare(instance, 0, only_to, 1, &wants, &connect, &error);
  if (table->prepare(instance, 1, message, 4, &wants, &publish, &error) != SQ_OK)
    return std::fprintf(stderr, "%s\n", error.text), 1;
  table->shard_open(instance, &the_shard, &shard, &error);

  std::vector<User> users(static_cast<size_t>(clients));
  const long heap = heap_bytes();
  for (long i = 0; i < clients; ++i) {
    User& user = users[static_cast<size_t>(i)];
    table->session_open(shard, static_cast<uint64_t>(i), &user.session, &error);
    start(user, connect, now_ns());
    while (completed + 50 < i) turn(10);
  }
  while (completed < clients) turn(10);
  std::printf("%ld connected, %ld failed, %ld heap bytes a client\n", completed, failed,
              (heap_bytes() - heap) / clients);

  const uint64_t begin = now_ns();
  const double cpu = cpu_s(), all_per_s = static_cast<double>(clients) * rate;
  const long total = static_cast<long>(all_per_s * seconds);
  completed = failed = 0;
  latency_sum_ns = latency_max_ns = 0;
  for (long sent = 0; completed < total;) {
    for (; sent < total; ++sent) {
      const uint64_t due = begin + static_cast<uint64_t>(static_cast<double>(sent) / all_per_s * 1e9);
      User& user = users[static_cast<size_t>(sent % clients)];
      if (user.busy || now_ns() < due) break;
      start(user, publish, due);
    }
    turn(1);
  }
  std::printf("%ld messages in %.2f s, %.2f ms CPU per 1,000, %ld failed, response mean %.3f max "
              "%.1f ms\n",
              total, static_cast<double>(now_ns() - begin) * 1e-9,
              (cpu_s() - cpu) * 1e6 / static_cast<double>(total), failed,
              static_cast<double>(latency_sum_ns) / static_cast<double>(total) * 1e-6,
              static_cast<double>(latency_max_ns) * 1e-6);
  std::fflush(stdout);
  ::_exit(0);  // thousands of sessions closed one by one would tell nothing more
}
