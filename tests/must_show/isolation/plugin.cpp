// A plugin NAME that links a library of version WANTED, and Boost.Asio as whoever builds it has set it up. Each pass looks whether
// all of it is its own. EXPOSED: what the loader would refuse, for a process that does not ask it.
#include <squall/sdk.hpp>

#include <boost/asio.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "answer.hpp"

namespace {

using namespace std::chrono_literals;

void check(int found, int wanted, const char* what) {
  if (found != wanted) throw std::runtime_error(std::string(what) + " is " + std::to_string(found) + ", wanted " + std::to_string(wanted));
}

int use_all() {
  static int own = 0;
  check(answer(), WANTED, "the answer");
  check(std::make_unique<Library>()->version(), WANTED, "the version");
  int ran = 0;
  boost::asio::io_context io;
  boost::asio::steady_timer timer(io, 0s);
  timer.async_wait([&](const boost::system::error_code&) { ++ran; });
  boost::asio::post(io, [&] { ++ran; });
  io.run();
  check(ran, 2, "what Asio has run");
  check(++Uses<int>::count, ++own, "a count that is this plugin's own");
  return own;
}

squall::Task look(squall::User& user) {
  const auto begin = user.now_ns();
  use_all();
  user.sample(NAME, begin, user.now_ns());
  co_await user.wait(1ms);
}

}  // namespace

#ifdef EXPOSED
extern "C" int look_once() {
  try {
    return use_all();
  } catch (const std::exception&) {
    return -Uses<int>::count;
  }
}
#endif

SQUALL_TASKS(NAME, "1.0.0", squall::task("look", look))
