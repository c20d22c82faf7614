// One connection to a broker through one client library, as the link drives it. Two libraries
// implement it: mosquitto_client.cpp on the shard's loop, paho_client.cpp with threads of its own.
// A client connects once; the next attempt is a new client, so nothing can be sent twice unseen.
#pragma once
#include <squall/abi.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "connect_options.hpp"
#include "failure.hpp"

namespace squall::mqtt {

class Shard;

/// All views are valid while the client is being made.
struct ClientSetup {
  const sq_target* target = nullptr;
  uint64_t session = 0;
  std::string_view address;  // a literal: resolved and allowed by the host
  const ConnectOptions* options = nullptr;
  const std::string* client_id = nullptr;
};

struct Connected {
  bool session_present = false;
  uint64_t bytes_in = 0;
  uint64_t connect_ns = 0, tls_ns = 0, connack_ns = 0;  // lengths of the phases, where known
};

struct Arrival {
  std::string_view topic, payload;
  bool retained = false;
  uint64_t bytes = 0;
  uint64_t at_ns = 0;  // when the library had it, where that is known to be earlier than now
};

struct Answer {
  uint32_t key = 0;
  int32_t reason = 0;
  uint64_t bytes = 0;  // on the wire
  uint64_t at_ns = 0;  // as an arrival's
};

/// All on the shard's thread, never from inside the client's constructor.
class ClientEvents {
 public:
  /// CONNACK with success. The client may be used, or destroyed, from inside.
  virtual void on_connected(const Connected& connected) = 0;
  /// The last event: refused, never connected, or lost. The client may be destroyed from inside.
  virtual void on_closed(const Failure& failure) = 0;
  /// The client must not be touched.
  virtual void on_answered(const Answer& answer) = 0;
  /// The client must not be touched.
  virtual void on_message(const Arrival& arrival) = 0;

 protected:
  ~ClientEvents() = default;
};

struct Publication {
  std::string_view topic;  // NUL follows it
  std::string_view payload;
  int qos = 0;
  bool retain = false;
  std::span<const sq_pair> properties;
};

/// What became of a request handed to the library.
struct Submitted {
  Failure failure;         // none: accepted
  uint32_t key = 0;        // of the answer to come
  bool is_done = false;    // no answer will come: it is complete already
  uint64_t bytes_out = 0;  // of the packet
};

class Client {
 public:
  virtual ~Client() = default;  // closes at once; no event comes any more
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  virtual Submitted publish(const Publication& publication) = 0;
  /// Each filter is followed by NUL.
  virtual Submitted subscribe(std::span<const std::string> filters, int qos) = 0;
  /// DISCONNECT; destroy the client afterwards. Its bytes.
  virtual uint64_t disconnect() = 0;
};

/// Errors: throws Failure when it cannot even begin.
std::unique_ptr<Client> make_mosquitto_client(Shard& shard, const ClientSetup& setup,
                                              ClientEvents& events);
std::unique_ptr<Client> make_paho_client(Shard& shard, const ClientSetup& setup,
                                         ClientEvents& events);
/// Ends paho's threads; no client may be left. [main]
void stop_paho();

}  // namespace squall::mqtt
