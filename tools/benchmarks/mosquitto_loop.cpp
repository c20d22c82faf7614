// The least that a libmosquitto load generator can do: N clients on one epoll, each publishing at a
// steady rate; prints CPU per 1,000 messages. The mqtt plugin's peer (its mqtt_bench takes the same):
//   mosquitto_loop PORT CLIENTS RATE_PER_CLIENT QOS SECONDS [PAYLOAD_BYTES]
// Needs three descriptors a client: libmosquitto makes a socket pair for each.
#include <mosquitto.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

long connected = 0, acknowledged = 0;
double now_s() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}
double cpu_s() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}
void want(int epoll, mosquitto* client, int operation) {
  epoll_event event{EPOLLIN | (mosquitto_want_write(client) ? EPOLLOUT : 0u), {client}};
  epoll_ctl(epoll, operation, mosquitto_socket(client), &event);
}
void turn(int epoll, int timeout_ms) {
  epoll_event events[256];
  const int count = epoll_wait(epoll, events, 256, timeout_ms);
  for (int i = 0; i < count; ++i) {
    auto* const client = static_cast<mosquitto*>(events[i].data.ptr);
    if (events[i].events & EPOLLIN) mosquitto_loop_read(client, 1);
    if (events[i].events & EPOLLOUT) {
      mosquitto_loop_write(client, 1);
      want(epoll, client, EPOLL_CTL_MOD);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const long port = std::atol(argv[1]), clients = std::atol(argv[2]);
  const int qos = std::atoi(argv[4]);
  const double rate = std::atof(argv[3]), seconds = std::atof(argv[5]);
  const std::string payload(argc > 6 ? std::strtoul(argv[6], nullptr, 10) : 64, 'x');
  mosquitto_lib_init();
  const int epoll = epoll_create1(0);
  std::vector<mosquitto*> all;
  for (long i = 0; i < clients; ++i) {
    mosquitto* const client = mosquitto_new(("loop" + std::to_string(i)).c_str(), true, nullptr);
    mosquitto_connect_callback_set(client, [](mosquitto*, void*, int) { ++connected; });
    mosquitto_publish_callback_set(client, [](mosquitto*, void*, int) { ++acknowledged; });
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    if (mosquitto_connect_async(client, "127.0.0.1", static_cast<int>(port), 600) != MOSQ_ERR_SUCCESS) return 1;
    want(epoll, client, EPOLL_CTL_ADD);
    all.push_back(client);
    while (connected + 50 < i) turn(epoll, 10);
  }
  while (connected < clients) turn(epoll, 10);
  const double begin = now_s(), cpu = cpu_s();
  const long total = static_cast<long>(static_cast<double>(clients) * rate * seconds);
  const double gap = 1 / (static_cast<double>(clients) * rate);
  for (long sent = 0; acknowledged < total;) {
    for (; sent < total && now_s() >= begin + static_cast<double>(sent) * gap; ++sent) {
      mosquitto* const client = all[static_cast<size_t>(sent % clients)];
      const int bytes = static_cast<int>(payload.size());
      mosquitto_publish(client, nullptr, "bench/x", bytes, payload.data(), qos, false);
      if (mosquitto_want_write(client)) want(epoll, client, EPOLL_CTL_MOD);
    }
    turn(epoll, 1);
  }
  std::printf("%ld messages in %.2f s, %.2f ms CPU per 1,000\n", total, now_s() - begin,
              (cpu_s() - cpu) * 1e6 / static_cast<double>(total));
}
