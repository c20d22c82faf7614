#include "control.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "counters_json.hpp"

namespace squall::city {
namespace {

using Json = nlohmann::json;

/// The numbers of a request, taken one by one; what is left over at the end is a mistake.
class Wishes {
 public:
  explicit Wishes(std::string_view body)
      : content_(body.empty() ? Json::object() : Json::parse(body, nullptr, false)) {
    if (!content_.is_object()) throw std::invalid_argument("the body is not a JSON object");
  }
  double take(const char* name, double otherwise, double max) {
    const auto found = content_.find(name);
    if (found == content_.end()) return otherwise;
    const bool is_good =
        found->is_number() && found->get<double>() >= 0 && found->get<double>() <= max;
    if (!is_good)
      throw std::invalid_argument(fmt::format("{} needs a number from 0 to {}", name, max));
    const double value = *found;
    content_.erase(found);
    return value;
  }
  bool take_flag(const char* name, bool otherwise) {
    const auto found = content_.find(name);
    if (found == content_.end()) return otherwise;
    if (!found->is_boolean())
      throw std::invalid_argument(fmt::format("{} needs true or false", name));
    const bool value = *found;
    content_.erase(found);
    return value;
  }
  void expect_no_more() const {
    if (!content_.empty())
      throw std::invalid_argument(fmt::format("unknown word '{}'", content_.begin().key()));
  }

 private:
  Json content_;
};

constexpr double kMaxSeconds = 1e6;

std::int64_t to_ns(double value, double unit) { return std::llround(value * unit); }
std::uint32_t to_per_million(double rate) {
  return static_cast<std::uint32_t>(std::lround(rate * 1e6));
}

StallSchedule read_stall(Wishes wishes) {
  StallSchedule stall;
  stall.begin_ns = monotonic_ns() + to_ns(wishes.take("at_s", 0, kMaxSeconds), 1e9);
  stall.period_ns = to_ns(wishes.take("every_s", 0, kMaxSeconds), 1e9);
  stall.length_ns = to_ns(wishes.take("for_s", 0, kMaxSeconds), 1e9);
  stall.times = static_cast<std::uint64_t>(wishes.take("times", 0, 1e9));
  wishes.expect_no_more();
  if (stall.period_ns > 0 && stall.length_ns >= stall.period_ns) {
    throw std::invalid_argument("for_s must be less than every_s");
  }
  return stall;
}

CmsBehaviour read_cms(Wishes wishes) {
  CmsBehaviour cms;
  cms.visible_after_ns = to_ns(wishes.take("visible_s", 2, kMaxSeconds), 1e9);
  cms.visible_sigma = wishes.take("visible_sigma", 0, 3);
  cms.error_rate = wishes.take("errors", 0, 1);
  cms.never_rate = wishes.take("never", 0, 1);
  cms.missing_rate = wishes.take("missing", 0, 1);
  cms.seed = static_cast<std::uint64_t>(wishes.take("seed", 1, 1e15));
  wishes.expect_no_more();
  return cms;
}

std::string describe(const CmsDesk::Counts& counts) {
  return Json{{"begun", counts.begun},     {"ok", counts.ok},           {"failed", counts.failed},
              {"never", counts.never},     {"running", counts.running}, {"most_running", counts.most_running},
              {"overlaps", counts.overlaps}}.dump();
}

std::string describe(const std::vector<CmsDesk::Event>& events) {
  Json list = Json::array();
  for (const auto& event : events) {
    list.push_back({{"at_ns", event.at_ns}, {"what", event.what}, {"job", event.job}, {"site", event.site},
                    {"record", event.record}, {"type", event.type}, {"result", event.result}});
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

TransactionBehaviour read_transactions(Wishes wishes) {
  TransactionBehaviour behaviour;
  behaviour.visible_after_ns = to_ns(wishes.take("visible_s", 0.2, kMaxSeconds), 1e9);
  behaviour.visible_sigma = wishes.take("visible_sigma", 0, 3);
  behaviour.drop_rate = wishes.take("drop", 0, 1);
  behaviour.double_rate = wishes.take("double", 0, 1);
  behaviour.double_within_ns = to_ns(wishes.take("double_s", 0.1, kMaxSeconds), 1e9);
  behaviour.seed = static_cast<std::uint64_t>(wishes.take("seed", 1, 1e15));
  wishes.expect_no_more();
  if (behaviour.drop_rate + behaviour.double_rate > 1)
    throw std::invalid_argument("drop and double are more than 1 together");
  return behaviour;
}

std::string describe(const TransactionDesk::Counts& counts) {
  return Json{{"published", counts.published}, {"dropped", counts.dropped}, {"doubled", counts.doubled},
              {"visible", counts.visible},     {"files", counts.files},     {"file_bytes", counts.file_bytes},
              {"early_files", counts.early_files}, {"unnamed", counts.unnamed}}.dump();
}

std::string describe(const std::vector<TransactionDesk::Event>& events) {
  Json list = Json::array();
  for (const auto& event : events) {
    list.push_back({{"at_ns", event.at_ns}, {"what", event.what}, {"id", event.id}, {"bytes", event.bytes}});
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::uint16_t Control::listen(const asio::ip::tcp::endpoint& address) {
  Acceptor acceptor(io_.get_executor());
  acceptor.open(address.protocol());
  acceptor.set_option(Acceptor::reuse_address(true));
  acceptor.bind(address);
  acceptor.listen();
  const auto port = acceptor.local_endpoint().port();
  asio::co_spawn(io_.get_executor(), accept(std::move(acceptor)), asio::detached);
  return port;
}

Task<void> Control::accept(Acceptor acceptor) {
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(io_.get_executor(), kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await sleep_until(io_.get_executor(), monotonic_ns() + 10'000'000);
      continue;
    }
    asio::co_spawn(io_.get_executor(), serve(std::move(socket)), asio::detached);
  }
}

Task<void> Control::serve(Socket socket) {
  namespace http = boost::beast::http;
  boost::beast::flat_buffer buffer;
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  for (;;) {
    http::request<http::string_body> request;
    const auto [read_error, read_size] = co_await http::async_read(socket, buffer, request, kAwait);
    if (read_error) co_return;
    const auto method = request.method_string();
    const auto path = request.target();
    Reply reply;
    try {
      reply = answer({method.data(), method.size()}, {path.data(), path.size()}, request.body());
    } catch (const std::invalid_argument& mistake) {
      reply = {400, Json{{"error", mistake.what()}}.dump(-1, ' ', false,
                                                         Json::error_handler_t::replace)};
    }
    http::response<http::string_body> response(static_cast<http::status>(reply.status),
                                               request.version());
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    response.body() = std::move(reply.body);
    response.prepare_payload();
    const auto [write_error, write_size] = co_await http::async_write(socket, response, kAwait);
    if (write_error || !request.keep_alive()) co_return;
  }
}

Control::Reply Control::answer(std::string_view method, std::string_view path,
                               std::string_view body) {
  if (method == "GET" && path == "/counters")
    return {200, to_json(city_.counters(), monotonic_ns())};
  if (method == "GET" && path == "/behaviour") return {200, describe(city_.behaviour())};
  if (method == "GET" && path == "/cms") return {200, describe(city_.cms().counts())};
  if (method == "GET" && path == "/cms/journal") return {200, describe(city_.cms().journal(monotonic_ns()))};
  if (method == "GET" && path == "/tx") return {200, describe(city_.transactions().counts(monotonic_ns()))};
  if (method == "GET" && path == "/tx/journal") return {200, describe(city_.transactions().journal(monotonic_ns()))};
  if (method != "POST") return {404, R"({"error":"no such path; see city --help"})"};

  if (path == "/reset") {
    city_.reset();
    return {200, "{}"};
  }
  if (path == "/cms") {
    city_.cms().behave(read_cms(Wishes(body)));
    return {200, describe(city_.cms().counts())};
  }
  if (path == "/tx") {
    city_.transactions().behave(read_transactions(Wishes(body)));
    return {200, describe(city_.transactions().counts(monotonic_ns()))};
  }
  Behaviour behaviour = city_.behaviour();
  if (path == "/stall") {
    behaviour.stall = read_stall(Wishes(body));
  } else if (path == "/delay") {
    Wishes wishes(body);
    behaviour.delay_ns = to_ns(wishes.take("ms", 0, kMaxSeconds), 1e6);
    behaviour.slow_delay_ns = to_ns(wishes.take("slow_ms", 0, kMaxSeconds), 1e6);
    behaviour.slow.set(to_per_million(wishes.take("slow_rate", 0, 1)));
    behaviour.tls_delay_ns = to_ns(wishes.take("tls_ms", 0, kMaxSeconds), 1e6);
    wishes.expect_no_more();
  } else if (path == "/errors") {
    Wishes wishes(body);
    behaviour.errors.set(to_per_million(wishes.take("rate", 0, 1)));
    const double status = wishes.take("status", 503, 599);
    if (status < 400) throw std::invalid_argument("status needs a number from 400 to 599");
    behaviour.error_status = static_cast<unsigned>(status);
    wishes.expect_no_more();
  } else if (path == "/close") {
    Wishes wishes(body);
    behaviour.close_after = static_cast<std::uint64_t>(wishes.take("after", 0, 1e9));
    behaviour.announce_close = wishes.take_flag("announce", true);
    wishes.expect_no_more();
  } else if (path == "/calm") {
    behaviour = Behaviour{};
  } else {
    return {404, R"({"error":"no such path; see city --help"})"};
  }
  city_.apply(behaviour);
  return {200, describe(city_.behaviour())};
}

}  // namespace squall::city
