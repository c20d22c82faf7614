// One life of a protocol: a host, an instance with a shard, sessions that make calls in one weather, and the end of it all.
// What the plugin does is held to the rules of abi.h on the way.
#pragma once

#include <squall/testing/fake_host.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "subject.hpp"
#include "values.hpp"
#include "weather.hpp"

namespace squall::plugin_check {

/// A prepared operation, and the values of its slots.
struct Step {
  fake::Prepared prepared;
  std::vector<sq_value> args;
  const sq_op* op;
};

class Life {
 public:
  /// Opens the instance with options that it accepts: abandons the test, and says why, when it accepts none.
  Life(const Subject& subject, Random& random, const Weather& weather);
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// A step of that operation with values drawn anew; none when the plugin refuses them all (then refusal() says the last reason).
  std::optional<Step> prepare(std::uint32_t op);
  const std::string& refusal() const { return refusal_; }

  /// A session that the plugin has opened, or the end of the test.
  std::unique_ptr<fake::Session> open_session(std::uint64_t id);
  /// Starts one; its time-out is drawn.
  fake::Call& start(fake::Session& session, const Step& step);
  /// Until the call has ended: by itself, by its time-out, or because the host cancels it.
  void drive(fake::Session& session, fake::Call& call, const Step& step);
  /// Runs what is due now, and lets the server speak.
  void turn();
  /// Lets time go by to the next thing that is due; false: there is nothing any more.
  bool step();
  /// What a call says when it has ended, and its outputs. Releases it.
  void look_at(fake::Session& session, fake::Call& call, const Step& step);
  /// All of it, from start to release.
  void call(fake::Session& session, const Step& step);

  Values& values() { return values_; }
  /// How calls ended so far, by outcome; and of how many nothing went out.
  struct Ends {
    unsigned outcome[4] = {}, silent = 0;
    void operator+=(const Ends& other);
    std::string text() const;
  };
  const Ends& ends() const { return ends_; }

  const Subject& subject;
  Random& random;
  const Weather& weather;
  fake::Host host;

 private:
  void serve(sq_stream& stream);
  std::vector<sq_binding> bindings(const sq_op& op, std::vector<sq_value>& args, std::string& told);
  void check_figures(const fake::Call& call, const Step& step);
  void check_outputs(fake::Session& session, const fake::Call& call, const Step& step);
  bool waits_for_real_things() const { return subject.has_own_threads() || host.watch_count() > 0; }

  Values values_;
  std::string refusal_;
  std::size_t greeted_ = 0;
  Ends ends_;

 public:
  std::unique_ptr<fake::Protocol> protocol;   // ends before what it was given
};

/// Operations of the plugin that are asked for, by index.
std::vector<std::uint32_t> operations_of(const Subject& subject);

}  // namespace squall::plugin_check
