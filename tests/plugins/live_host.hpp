// A host for a plugin under test whose sockets, descriptors and clock are real: the tables of the
// core's own net room over the small loop of its tests.  For what a scripted stream cannot show:
// the kernel's side of bulk transfers, datagrams and processes.  One shard, one instance, one
// session.
#pragma once
#include <gtest/gtest.h>

#include <boost/dll/shared_library.hpp>
#include <list>
#include <memory>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "loop.hpp"
#include "net/net_api.hpp"

struct sq_done {
  bool is_done = false;
};
struct sq_timer : squall::TimerNode {
  void (*fn)(void*) SQ_NOEXCEPT;
  void* context;
  squall::test::Loop* loop;
};
struct sq_source {
  std::string text;
  size_t at = 0;
};

namespace live {

using squall::plugin::str;
using squall::plugin::view;

struct Call : sq_call {
  bool is_complete = false;
  uint64_t progress_out = 0;
};

struct Tables {
  static squall::test::Loop& loop_of(sq_shard* shard) {
    return static_cast<squall::test::Shard*>(shard)->loop;
  }

  static void complete(sq_call* call) noexcept {
    EXPECT_FALSE(static_cast<Call*>(call)->is_complete) << "a call was completed twice";
    static_cast<Call*>(call)->is_complete = true;
    if (!call->end_ns) call->end_ns = loop_of(call->shard).now_ns();
  }
  static void progress(sq_call* call, uint64_t out, uint64_t) noexcept {
    static_cast<Call*>(call)->progress_out += out;
  }
  static void done(sq_done* done, sq_status, sq_str) noexcept { done->is_done = true; }
  static void written(sq_done*, const sq_delivery*) noexcept {}
  static uint64_t now_ns(sq_shard* shard) noexcept { return loop_of(shard).now_ns(); }
  static uint32_t index(sq_shard*) noexcept { return 0; }
  static sq_status post(sq_shard*, sq_post*) noexcept { return SQ_E_UNSUPPORTED; }
  static sq_timer* timer_new(sq_shard* shard, void (*fn)(void*) SQ_NOEXCEPT,
                             void* context) noexcept {
    auto* timer = new sq_timer{{}, fn, context, &loop_of(shard)};
    timer->fire = [](squall::TimerNode& node) noexcept {
      auto& self = static_cast<sq_timer&>(node);
      self.fn(self.context);
    };
    return timer;
  }
  static void timer_set(sq_timer* timer, uint64_t at_ns) noexcept {
    if (at_ns)
      timer->loop->arm(*timer, at_ns);
    else
      timer->loop->disarm(*timer);
  }
  static void timer_free(sq_timer* timer) noexcept {
    timer->loop->disarm(*timer);
    delete timer;
  }
  static uint64_t source_size(sq_source* source) noexcept { return source->text.size(); }
  static sq_status source_next(sq_source* source, uint64_t max, sq_chunk* out) noexcept {
    const uint64_t length = std::min<uint64_t>(max, source->text.size() - source->at);
    *out = sq_chunk{{source->text.data() + source->at, length}, -1, 0, 0, length};
    source->at += length;
    return SQ_OK;
  }
  static sq_status source_rewind(sq_source* source) noexcept {
    source->at = 0;
    return SQ_OK;
  }
  static const void* get_extension(const sq_host*, const char* id, uint32_t min_size) noexcept {
    static constexpr sq_calls_api kCalls{sizeof kCalls, 0, complete, progress};
    static constexpr sq_loop_api kLoop{sizeof kLoop, 0,     done, written,   now_ns,    now_ns,
                                       index,        post, timer_new, timer_set, timer_free};
    static constexpr sq_source_api kSource{sizeof kSource, 0, source_size, source_next,
                                           source_rewind};
    if (std::string_view(id) == SQ_CALLS_V1) return &kCalls;
    if (std::string_view(id) == SQ_LOOP_V1) return &kLoop;
    if (std::string_view(id) == SQ_SOURCE_V1) return &kSource;
    return squall::net_extension(id, min_size);
  }
  static void log(const sq_host*, uint32_t, sq_str) noexcept {}
};

/// `Session session("tcp"); const auto& target = session.shard.add("tcp://…"); session.begin();`
class Session {
 public:
  explicit Session(const std::string& plugin, std::vector<sq_pair> options = {})
      : options_(std::move(options)) {
    static constexpr sq_host kRoot{sizeof kRoot, SQ_ABI_MAJOR,          SQ_ABI_MINOR, "live",
                                   "0",          Tables::get_extension, Tables::log};
    static auto* library =
        new boost::dll::shared_library(SQUALL_PLUGIN_DIR "/lib" + plugin + ".so",
                                       boost::dll::load_mode::rtld_now);  // never unloaded
    const sq_plugin* root = library->get<const sq_plugin*()>(SQ_ENTRY_SYMBOL)();
    sq_error error{};
    EXPECT_EQ(root->init(&kRoot, &error), SQ_OK) << error.text;
    table_ = static_cast<const sq_protocol*>(root->get_interface(SQ_PROTOCOL_V1));
    EXPECT_EQ(table_->open(options_.data(), options_.size(), &instance_, &error), SQ_OK)
        << error.text;
  }
  /// After the last target was added.
  void begin() {
    shard.start();
    EXPECT_EQ(table_->shard_open(instance_, &shard, &plugin_shard_, nullptr), SQ_OK);
    EXPECT_EQ(table_->session_open(plugin_shard_, 1, &session_, nullptr), SQ_OK);
  }
  ~Session() {
    for (Call& call : calls_) table_->release(session_, &call);
    table_->session_close(session_);
    sq_done done;
    table_->shard_close(plugin_shard_, &done);
    EXPECT_TRUE(shard.loop.until([&] { return done.is_done; })) << "shard_close never ended";
    for (void* prepared : prepared_) table_->unprepare(prepared);
    table_->close(instance_);
    EXPECT_TRUE(shard.loop.faults.empty()) << shard.loop.faults.front();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  struct Value {
    std::string_view name;
    sq_value value;
  };
  Call& start(std::string_view operation, const squall::Target& to,
              const std::vector<Value>& values) {
    uint32_t op = 0;
    while (table_->ops[op]->name != operation) ++op;
    sq_value target = squall::plugin::make_value(SQ_T_TARGET);
    target.u.target = &to;
    std::vector<sq_binding> bindings = {{SQ_PARAM_TO, -1, target}};
    for (const Value& value : values) {
      uint32_t index = 0;
      while (table_->ops[op]->params[index]->name != value.name) ++index;
      bindings.push_back({index, -1, value.value});
    }
    const sq_wants wants{sizeof wants, 0, UINT64_MAX, 1 << 20};
    sq_error error{};
    void* prepared = nullptr;
    EXPECT_EQ(table_->prepare(instance_, op, bindings.data(),
                              static_cast<uint32_t>(bindings.size()), &wants, &prepared, &error),
              SQ_OK)
        << error.text;
    prepared_.push_back(prepared);
    Call& call = calls_.emplace_back();
    static_cast<sq_call&>(call) = {};
    call.struct_size = sizeof(sq_call);
    call.shard = &shard;
    call.start_ns = call.due_ns = shard.loop.now_ns();
    table_->start(session_, prepared, nullptr, 0, &call);
    return call;
  }
  Call& run(std::string_view operation, const squall::Target& to,
            const std::vector<Value>& values) {
    Call& call = start(operation, to, values);
    EXPECT_TRUE(shard.loop.until([&] { return call.is_complete; })) << "the call never ended";
    return call;
  }
  std::string output(const Call& call, uint32_t index) {
    sq_value value{};
    std::string text;
    if (table_->output(session_, &call, index, {}, &value) == SQ_OK)
      squall::plugin::append_text(text, value);
    return text;
  }
  sq_value payload(std::string text) {
    sq_value value = squall::plugin::make_value(SQ_T_SOURCE);
    value.u.source = &sources_.emplace_back(sq_source{std::move(text)});
    return value;
  }

  squall::test::Shard shard;

 private:
  std::vector<sq_pair> options_;
  const sq_protocol* table_ = nullptr;
  void *instance_ = nullptr, *plugin_shard_ = nullptr, *session_ = nullptr;
  std::list<Call> calls_;
  std::list<sq_source> sources_;
  std::vector<void*> prepared_;
};

}  // namespace live
