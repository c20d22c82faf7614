#include "weather.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace squall::plugin_check {
namespace {

constexpr std::string_view kAnswers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 999999999999 Odd\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nto the end",
    "+OK\r\n", "-ERR no\r\n", "$5\r\nhello\r\n", "*-1\r\n", "220 ready\r\n", "250 done\r\n", "OK\n", "VALUE a 0 5\r\nhello\r\nEND\r\n", "\r\n", "\n",
    std::string_view("\x20\x02\x00\x00", 4), std::string_view("\x90\x03\x00\x01\x00", 5), std::string_view("\x40\x02\x00\x01", 4),
    std::string_view("\x00\x00\x00\x05hello", 9), std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff", 8), "{\"ok\": true}\n", "hello"};

std::string noise(Random& random, std::size_t most) {
  std::string bytes(1 + random.below(most), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

/// As TCP does it: cut anywhere.
void say(sq_stream& stream, Random& random, std::string text) {
  while (text.size() > 1 && random.chance(0.5)) {
    const std::size_t cut = 1 + random.below(std::min<std::size_t>(text.size() - 1, 64));
    stream.feed(text.substr(0, cut));
    text.erase(0, cut);
    if (random.chance(0.5)) continue;
    fake::the_host->later([&stream, rest = std::move(text)] {
      if (!stream.is_closed && !stream.close_called) stream.feed(rest);
    }, 1 + random.below(2'000'000));
    return;
  }
  stream.feed(text);
}

void answer(sq_stream& stream, Random& random) { say(stream, random, std::string(random.one_of(kAnswers))); }
void echo(sq_stream& stream, Random& random) {
  if (std::string text = stream.take_sent(); !text.empty()) say(stream, random, std::move(text));
}
void chatter(sq_stream& stream, Random& random) { say(stream, random, noise(random, 400)); }
void reset(sq_stream& stream, Random&) { stream.reset(); }
void finish(sq_stream& stream, Random&) { stream.finish(); }
void half(sq_stream& stream, Random& random) {
  const std::string_view whole = random.one_of(kAnswers);
  stream.feed(whole.substr(0, whole.size() / 2));
  if (random.chance(0.5)) stream.finish();
  else stream.reset();
}
void flood(sq_stream& stream, Random& random) {
  stream.feed(std::string(200'000, static_cast<char>(random.chance(0.5) ? 'a' : 0)));
}

void echo_datagrams(sq_dgram& socket, Random&) {
  if (!socket.sent.empty()) socket.receive(std::exchange(socket.sent, {}));
}
void odd_datagrams(sq_dgram& socket, Random& random) {
  socket.sent.clear();
  socket.receive({noise(random, 1'400), "", std::string(65'507, 'x')});
}
void failing_datagrams(sq_dgram& socket, Random&) {
  socket.sent.clear();
  socket.error(ECONNREFUSED);
}

const Weather kWeathers[] = {
    {"a server that answers", nullptr, nullptr, answer, echo_datagrams},
    {"an echo", nullptr, nullptr, echo, echo_datagrams},
    {"a server that speaks first", nullptr, answer, answer, odd_datagrams},
    {"a silent peer"},
    {"noise", nullptr, nullptr, chatter, odd_datagrams},
    {"noise before anything is asked", nullptr, chatter, chatter, odd_datagrams},
    {"a flood", nullptr, nullptr, flood, odd_datagrams},
    {"the peer ends after the question", nullptr, nullptr, finish, failing_datagrams},
    {"the peer ends at once", nullptr, finish, nullptr, failing_datagrams},
    {"the peer resets after the question", nullptr, nullptr, reset, failing_datagrams},
    {"the peer resets at once", nullptr, reset, nullptr, failing_datagrams},
    {"half an answer", nullptr, nullptr, half, odd_datagrams},
    {"refused connections", [](fake::Network& network) { network.open = false; }},
    {"connections that time out", [](fake::Network& network) { network = {.open = false, .why = SQ_E_TIMEOUT, .kind = SQ_K_CONNECT, .detail = "timed out", .connect_ns = 30'000'000'000}; }},
    {"no name", [](fake::Network& network) { network = {.open = false, .why = SQ_E_IO, .kind = SQ_K_RESOLVE, .detail = "no such name"}; }},
    {"a host that refuses to connect", [](fake::Network& network) { network.refuse_now = SQ_E_LIMIT; }},
    {"slow connections", [](fake::Network& network) { network.connect_ns = 20'000'000, network.tls_ns = 30'000'000; }, nullptr, answer, echo_datagrams},
    {"a peer that takes nothing", [](fake::Network& network) { network.hold_writes = true, network.dgram_send_limit = 0; }},
    {"a full kernel", [](fake::Network& network) { network.dgram_send_limit = SQ_E_LIMIT; }, nullptr, answer, nullptr},
};

}  // namespace

std::span<const Weather> all_weathers() { return kWeathers; }
const Weather& fair_weather() { return kWeathers[0]; }

}  // namespace squall::plugin_check
