// What the city answers to which path: pure functions from a whole request to an Answer. They
// decide; http_session.cpp waits, writes and counts. The list of paths is in README.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "cms_desk.hpp"
#include "filler.hpp"
#include "http_request.hpp"
#include "login_book.hpp"
#include "transaction_desk.hpp"

namespace squall::city {

struct Answer {
  enum class Body {
    kText,
    kFiller,
    kChunked,
    kHalves
  };  // kHalves: the second half after half_pause_ns
  unsigned status = 200;
  std::string_view content_type = "text/plain";
  std::string fields;     // further header lines, each with its CRLF
  std::string_view text;  // lives as long as the program or the request
  std::string own_text;   // used when `text` is empty
  Body body = Body::kText;
  std::uint64_t filler_size = 0;
  std::uint64_t chunk_size = 16 << 10;
  std::int64_t delay_ns = 0;
  std::int64_t half_pause_ns = 0;
  bool close = false;

  std::string_view content() const { return text.empty() ? std::string_view(own_text) : text; }
  void clear();
};

/// What all workers share.
struct HttpShared {
  static constexpr std::size_t kMaxErrorEvery = 1000;
  Filler filler;
  LoginBook logins;
  CmsDesk cms;
  TransactionDesk transactions;
  std::array<std::atomic<std::uint64_t>, kMaxErrorEvery + 1> error_every{};  // requests seen, by N
  std::atomic<std::uint64_t> numbered{0};  // answers of /numbered
  std::atomic<std::uint64_t> connections{0};  // gives connections their number in the journal
};

/// What a request added to the city's own counts, beside requests and bytes.
struct Happened {
  std::uint64_t logins = 0, logouts = 0, entities = 0, taps = 0;
};

/// All that a route may look at and use.
struct Visit {
  const RequestHead& head;
  std::string_view rest;          // the path behind the route's name, without its slash
  std::string_view class_prefix;  // "/T1" when the path began with a class, else empty
  std::string_view body;          // when the route keeps bodies
  std::uint64_t body_bytes = 0;
  std::uint64_t body_xxh64 = 0;  // when the client asked for a checksum
  bool has_checksum = false;
  HttpShared& shared;
  GzipFiller& gzip;
  Happened& happened;
};

struct Route {
  std::string_view name;  // the path's first segment
  bool keeps_body;
  unsigned methods;  // a set of the bits below
  void (*answer)(Visit& visit, Answer& answer);

  static constexpr unsigned kRead = 1;   // GET, HEAD
  static constexpr unsigned kWrite = 2;  // POST, PUT, PATCH, DELETE
  static constexpr unsigned kOther = 4;
  static constexpr unsigned kAny = kRead | kWrite | kOther;
};

/// Which of Route's bits a method is.
unsigned method_bit(http::verb method);

/// A request's way: its route, its class and what is left of its path. The views point into `head`.
struct Way {
  const Route* route;
  std::string_view class_name;
  std::string_view class_prefix;
  std::string_view rest;
};
Way find_way(const RequestHead& head);

}  // namespace squall::city
