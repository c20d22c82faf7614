// cmsjob: the external job of the city's content system, as a test starts it. Begins a job on a record, prints
// `JOB <id>`, ends it, prints `OK` or `ERR <reason>`. Exit code 0 when both were printed, 1 when the city did not answer,
// 2 for a bad command line.
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr const char* kUsage = "usage: cmsjob --url http://HOST:PORT --site S --record R --type T [--work SECONDS]\n";
constexpr std::string_view kOptions[] = {"url", "site", "record", "type", "work"};
constexpr std::span kRequired(kOptions, 4);

std::string post(boost::beast::tcp_stream& stream, const std::string& host, const std::string& path, const std::string& body) {
  http::request<http::string_body> request(http::verb::post, path, 11);
  request.set(http::field::host, host);
  request.set(http::field::content_type, "application/x-www-form-urlencoded");
  request.body() = body;
  request.prepare_payload();
  http::write(stream, request);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> answer;
  http::read(stream, buffer, answer);
  if (answer.result_int() >= 300) throw std::runtime_error(fmt::format("{}: {} {}", path, answer.result_int(), answer.body()));
  return answer.body();
}

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

std::chrono::milliseconds work_time(const std::string& seconds) {
  std::size_t used = 0;
  const double value = seconds.empty() ? 0 : std::stod(seconds, &used);
  if (used < seconds.size() || !(value >= 0 && value <= 86'400)) throw std::invalid_argument("--work needs seconds up to a day");
  return std::chrono::milliseconds(std::llround(value * 1e3));
}

int run(std::map<std::string, std::string, std::less<>>& given) {
  std::string_view url = given["url"];
  if (!url.starts_with("http://")) throw std::invalid_argument("--url needs http://HOST:PORT");
  url.remove_prefix(7);
  const std::string host(url.substr(0, url.find('/')));
  const std::size_t colon = host.rfind(':');
  if (colon == std::string::npos) throw std::invalid_argument("--url needs a port");
  const auto work_for = work_time(given["work"]);
  asio::io_context io(1);
  asio::ip::tcp::resolver resolver(io);
  boost::beast::tcp_stream stream(io);
  stream.connect(resolver.resolve(host.substr(0, colon), host.substr(colon + 1)));
  const std::string id = post(stream, host, "/cms/jobs", fmt::format("site={}&record={}&type={}", given["site"], given["record"], given["type"]));
  say("JOB " + id);
  asio::steady_timer(io, work_for).wait();
  say(post(stream, host, fmt::format("/cms/jobs/{}/end", id), ""));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string, std::less<>> given;
  try {
    for (int i = 1; i < argc; i += 2) {
      const std::string_view name = argv[i];
      if (!name.starts_with("--") || i + 1 == argc) throw std::invalid_argument(std::string(name));
      given.emplace(name.substr(2), argv[i + 1]);
    }
    for (const auto& [name, value] : given) {
      if (!std::ranges::count(kOptions, name)) throw std::invalid_argument(fmt::format("no option --{}", name));
    }
    for (const std::string_view name : kRequired) {
      if (given[std::string(name)].empty()) throw std::invalid_argument(fmt::format("--{} is missing", name));
    }
    return run(given);
  } catch (const std::invalid_argument& mistake) {
    fmt::print(stderr, "cmsjob: {}\n{}", mistake.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "cmsjob: {}\n", error.what());
    return 1;
  }
}
