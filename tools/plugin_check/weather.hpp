// What the network does to a call, and the server behind it. Each kind is a server that some user will meet.
#pragma once

#include <squall/testing/fake_host.hpp>

#include <span>
#include <string_view>

#include "subject.hpp"

namespace squall::plugin_check {

struct Weather {
  const char* name;                                            // "the peer resets", for findings
  void (*before)(fake::Network&) = nullptr;                    // what connects meet
  void (*greet)(sq_stream&, Random&) = nullptr;                // a stream that has just opened
  void (*answer)(sq_stream&, Random&) = nullptr;               // after each write that reached the server
  void (*datagrams)(sq_dgram&, Random&) = nullptr;             // after packets were sent
};

std::span<const Weather> all_weathers();
/// A server that understands every question of a simple protocol, more or less: it says something after each write.
const Weather& fair_weather();

}  // namespace squall::plugin_check
