// city: the sample target server. Opens its ports, says so in one line, serves until a signal, and
// ends with its counters. What a port does is in the file named after it.
#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "city.hpp"
#include "control.hpp"
#include "counters_json.hpp"
#include "options.hpp"

namespace {

using namespace squall::city;

/// Ten thousand connections need more than the usual 1,024 descriptors.
void raise_descriptor_limit() {
  constexpr rlim_t kWanted = 200'000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < kWanted) {
    rlimit more{kWanted, kWanted};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0) return;
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string ready_line(const City& city, std::uint16_t control) {
  nlohmann::ordered_json ready;
  const auto& ports = city.ports();
  const std::pair<const char*, std::uint16_t> named[] = {
      {"http", ports.http},         {"https", ports.https},
      {"tcp", ports.tcp},           {"tcp_prefix", ports.tcp_prefix},
      {"dump", ports.dump},         {"udp", ports.udp},
      {"udp_echo", ports.udp_echo}, {"control", control}};
  for (const auto& [name, port] : named) {
    if (port != 0) ready[name] = port;
  }
  ready["ca"] = city.identity().ca.string();
  ready["client_cert"] = city.identity().client.string();
  ready["client_key"] = city.identity().client_key.string();
  ready["pid"] = getpid();
  return ready.dump();
}

void print_line(const std::string& line) {
  fmt::print("{}\n", line);
  fflush(stdout);
}

/// A reader sees the whole file or none.
void write_whole(const std::string& path, const std::string& line) {
  const std::string draft = fmt::format("{}.{}", path, getpid());
  {
    std::ofstream file(draft);
    file << line << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write the ready file " + draft);
  }
  std::filesystem::rename(draft, path);
}

Task<void> announce_when_ready(City& city, std::uint16_t control, const Options& options) {
  constexpr std::int64_t kPause = 10'000'000;
  const auto executor = co_await asio::this_coro::executor;
  while (!city.is_ready()) co_await sleep_until(executor, monotonic_ns() + kPause);
  const auto line = ready_line(city, control);
  if (!options.ready_file.empty()) write_whole(options.ready_file, line);
  print_line(line);
}

int run(const Options& options) {
  raise_descriptor_limit();
  signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](error_code, int) { io.stop(); });

  City city(options);
  Control control(io, city);
  const auto port =
      control.listen({asio::ip::make_address(options.control.host), options.control.port});
  city.start();
  asio::co_spawn(io.get_executor(), announce_when_ready(city, port, options),
                 [](std::exception_ptr error) {
                   if (error) std::rethrow_exception(error);
                 });
  io.run();

  city.stop();
  print_line(R"({"counters":)" + to_json(city.counters(), monotonic_ns()) + "}");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto options = parse_options(argc, argv);
    if (options.wants_help) {
      fputs(kHelp, stdout);
      return 0;
    }
    return run(options);
  } catch (const std::invalid_argument& mistake) {
    fmt::print(stderr, "city: {}\n", mistake.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "city: {}\n", error.what());
    return 1;
  }
}
