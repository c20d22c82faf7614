// The job plugin with a handful of programs, against real processes. Watches are real poll(), the host's clock follows
// the real one.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fake_host.hpp"

namespace job_test {

using squall::plugin::int_value;
using squall::plugin::text_value;

inline uint64_t real_now_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// A map value whose parts live as long as this does.
class Map {
 public:
  Map& add(std::string_view key, const sq_value& value) {
    pairs_.push_back({store_->copy(fake::str(key)), store_->copy(value)});
    return *this;
  }
  Map& add(std::string_view key, std::string_view text) { return add(key, text_value(text)); }
  Map& add(std::string_view key, const std::vector<std::string>& texts) {
    std::vector<sq_value> items;
    for (const std::string& text : texts) items.push_back(text_value(text));
    sq_value list = squall::plugin::make_value(SQ_T_LIST);
    list.u.list = {items.data(), items.size()};
    return add(key, list);
  }
  sq_value value() const {
    sq_value map = squall::plugin::make_value(SQ_T_MAP);
    map.u.map = {pairs_.data(), pairs_.size()};
    return map;
  }

 private:
  std::shared_ptr<squall::plugin::ValueStore> store_ =
      std::make_shared<squall::plugin::ValueStore>();
  std::vector<sq_pair> pairs_;
};

inline bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0; }

inline size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}
inline std::string children() {
  const std::string pid = std::to_string(::getpid());
  std::ifstream file("/proc/" + pid + "/task/" + pid + "/children");
  return {std::istreambuf_iterator<char>(file), {}};
}

class Job : public ::testing::Test {
 protected:
  Job() {
    const Map script = Map().add("script", "string");
    Map rules;
    rules.add("text", "string").add("count", "int").add("share", "number");
    rules.add("type", std::vector<std::string>{"Content", "Preview"});
    add("sh", {"/bin/sh", "-c", "${arg.script}"}, script.value());
    add("show",
        {"/usr/bin/printf", "<%s>", "${arg.text}", "n=${arg.count}!", "${arg.share}",
         "${arg.type}"},
        rules.value());
    add("env", {"/usr/bin/env"});
    add("cat", {"/bin/cat"});
    add("missing", {"/nonexistent/program"});
    add("plain", {"/etc/passwd"});
    add("folder", {"/etc/"});
    add("lost", {"/bin/true"}, {}, "/nonexistent");
    programs_value_ = programs_.value();
    sq_value grace = squall::plugin::duration_value(50'000'000);
    host.now_ns = real_now_ns();
    job = std::make_unique<fake::Protocol>(
        host, "job", fake::Protocol::Options{{"programs", programs_value_}, {"grace", grace}});
    session = std::make_unique<fake::Session>(*job, 1);
  }
  void add(std::string_view name, const std::vector<std::string>& argv, sq_value args = {},
           std::string_view directory = "") {
    Map description;
    description.add("argv", argv);
    if (args.type == SQ_T_MAP) description.add("args", args);
    if (!directory.empty()) description.add("cwd", directory);
    programs_.add(name, description.value());
  }
  bool run_until(const std::function<bool()>& done, int limit_ms = 30'000) {
    const uint64_t limit = real_now_ns() + static_cast<uint64_t>(limit_ms) * 1'000'000;
    while (!done()) {
      host.now_ns = real_now_ns();
      if (host.now_ns > limit) return false;
      host.poll_once(1);
    }
    return true;
  }
  fake::Call& start(std::string_view program,
                    const std::vector<std::pair<std::string, std::string>>& args = {}) {
    auto bindings = job->bind("run");
    bindings.text("program", program);
    if (!args.empty()) bindings.map("args", args);
    return start(bindings);
  }
  fake::Call& start(const fake::Bindings& bindings) {
    host.now_ns = real_now_ns();
    return session->start(job->prepare("run", bindings));
  }
  fake::Call& run(fake::Call& call) {
    EXPECT_TRUE(run_until([&] { return call.completed; })) << "the call never ended";
    EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
    return call;
  }
  fake::Call& shell(const std::string& script) { return run(start("sh", {{"script", script}})); }

  fake::Host host;
  Map programs_;
  sq_value programs_value_{};
  std::unique_ptr<fake::Protocol> job;
  std::unique_ptr<fake::Session> session;
};

}  // namespace job_test
