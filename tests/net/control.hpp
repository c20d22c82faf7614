// The control thread of the process in small: where a resolver's answers come from.  Declared after the
// shard that it posts to.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <initializer_list>
#include <thread>

#include "net/resolver.hpp"

namespace squall::test {

struct Control {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread{[this] { context.run(); }};
  ~Control() {
    context.stop();
    thread.join();
  }
};

/// What a name server would answer.
inline Resolution found(std::initializer_list<const char*> addresses) {
  Resolution resolution;
  for (const char* text : addresses) resolution.addresses.push_back(*Address::parse(text));
  return resolution;
}

}  // namespace squall::test
