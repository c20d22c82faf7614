// Compiled tasks in C++20: what a virtual user does, as a coroutine that reads like the task in words.
//
//   squall::Task browse(squall::User& user) {
//     auto page = co_await user.call("http.get").to("portal").with("path", "/").named("home");
//     page.expect_status(200);
//     co_await user.wait(1s);
//     auto record = co_await user.acquire("previews");        // handed back when it goes out of scope
//     co_await user.call("mqtt.publish").to("broker").with("topic", record["topic"]).with("payload", page.body());
//   }
//   SQUALL_TASKS("shop", "1.0.0", squall::task("browse", browse, "looks at a page"))
//
// Header only, std only, compiled INTO the plugin (abi.h is the contract). One thread runs a user at a time, and a call
// that has been bound once allocates nothing. When the run cuts a user short, the next co_await throws Cancelled: let it
// pass, so that what the coroutine holds is handed back.
#pragma once
#include <squall/abi.h>
#include <squall/plugin.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace squall {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

class User;

/// Thrown by a co_await when the pass must end: the run stops, or its budget is used up.
struct Cancelled {};
/// Thrown by User::interrupt().
struct Interrupted {};
/// What a task or the host refuses; ends the pass as a failed step with this text.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A name that is written in the source: it lives for ever, and there are few of them.
class Literal {
 public:
  consteval Literal(const char* text) : text_(text) {}  // NOLINT: "http.get" is one
  constexpr const char* c_str() const { return text_; }
  constexpr std::string_view view() const { return text_; }

 private:
  const char* text_;
};

namespace detail {

/// The host's tables that tasks need; set by init(), the plugin's own copy.
struct TaskHost {
  const sq_host* root = nullptr;
  const sq_loop_api* loop = nullptr;
  const sq_users_api* users = nullptr;
  const sq_records_api* records = nullptr;

  void load(const sq_host* host) {
    root = host;
    get(loop, SQ_LOOP_V1);
    get(users, SQ_USERS_V1);
    get(records, SQ_RECORDS_V1);
  }

 private:
  template <class Table>
  void get(const Table*& table, const char* id) {
    table = static_cast<const Table*>(root->get_extension(root, id, sizeof(Table)));
    if (!table) throw Error(std::string("this host lacks ") + id);
  }
};
inline TaskHost task_host;

/// Coroutine frames, by size, of one thread: a pass allocates nothing once one like it has run.
class FramePool {
 public:
  static void* take(std::size_t size) {
    const std::size_t place = place_of(size);
    if (place >= kPlaces) return ::operator new(size);
    Free*& first = lists().first[place];
    if (!first) return ::operator new((place + 1) * kStep);
    return std::exchange(first, first->next);
  }
  static void give(void* frame, std::size_t size) noexcept {
    const std::size_t place = place_of(size);
    if (place >= kPlaces) return ::operator delete(frame);
    Free*& first = lists().first[place];
    first = ::new (frame) Free{first};
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t kStep = 64, kPlaces = 64;
  static std::size_t place_of(std::size_t size) { return (size - 1) / kStep; }
  struct Lists {
    std::array<Free*, kPlaces> first{};
    ~Lists() {
      for (Free* frame : first)
        while (frame) ::operator delete(std::exchange(frame, frame->next));
    }
  };
  static Lists& lists() {
    static thread_local Lists free;
    return free;
  }
};

struct PromiseBase {
  std::coroutine_handle<> awaiter;  // who goes on when this ends; none: it is the pass itself
  User* pass_of = nullptr;
  std::exception_ptr thrown;

  static void* operator new(std::size_t size) { return FramePool::take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    FramePool::give(frame, size);
  }
  std::suspend_always initial_suspend() noexcept { return {}; }
  struct End {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> own) noexcept;
    void await_resume() noexcept {}
  };
  End final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { thrown = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  auto get_return_object();
  template <class From>
  void return_value(From&& from) {
    value.reset(new T(std::forward<From>(from)));
  }
  T take() { return std::move(*value); }
  std::unique_ptr<T> value;
};
template <>
struct Promise<void> : PromiseBase {
  auto get_return_object();
  void return_void() noexcept {}
  void take() {}
};

}  // namespace detail

/// A coroutine that begins when it is awaited. `Task` is a pass or a part of one, `TaskOf<T>` a part with a result.
template <class T>
class [[nodiscard]] BasicTask {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit BasicTask(Handle own) : own_(own) {}
  BasicTask(BasicTask&& other) noexcept : own_(std::exchange(other.own_, {})) {}
  BasicTask& operator=(BasicTask&& other) noexcept {
    std::swap(own_, other.own_);
    return *this;
  }
  ~BasicTask() {
    if (own_) own_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    own_.promise().awaiter = awaiter;
    return own_;
  }
  T await_resume() {
    if (own_.promise().thrown) std::rethrow_exception(own_.promise().thrown);
    return own_.promise().take();
  }
  Handle release() { return std::exchange(own_, {}); }

 private:
  Handle own_;
};
using Task = BasicTask<void>;
template <class T>
using TaskOf = BasicTask<T>;

namespace detail {
template <class T>
auto Promise<T>::get_return_object() {
  return BasicTask<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline auto Promise<void>::get_return_object() {
  return BasicTask<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// ---- calls: their arguments and results ------------------------------------------------------------

inline constexpr std::size_t kMaxParams = 16, kMaxEntries = 32;

/// Who waits for one call, or for several at once.
struct Arrival {
  std::coroutine_handle<> waiter;
  std::size_t missing = 0;
  void one() {
    if (--missing == 0) waiter.resume();
  }
};

class ThreadCalls;

/// One call from its first argument to the end of its result. Pooled by the thread.
struct CallState {
  ThreadCalls* home = nullptr;
  User* user = nullptr;
  sq_call* call = nullptr;
  Arrival* arrival = nullptr;
  const char* operation = nullptr;
  const char* to = nullptr;
  const char* name = nullptr;
  const sq_target* target = nullptr;
  int64_t timeout_ns = 0;
  uint32_t params = 0, entries = 0, tags = 0;
  bool has_failed = false;
  const char* names[kMaxParams];
  sq_value values[kMaxParams + 1];  // and the target when it varies
  struct Entry {
    uint32_t param;
    sq_pair pair;
  } entry[kMaxEntries];
  sq_pair pairs[kMaxEntries];  // the same, those of one parameter side by side
  const char* tag[8][2];
  sq_value compacted[kMaxParams + 1];  // without those that are part of the operation

  void clear() {
    user = nullptr;
    call = nullptr;
    arrival = nullptr;
    to = name = nullptr;
    target = nullptr;
    timeout_ns = 0;
    params = entries = tags = 0;
    has_failed = false;
  }
  uint32_t param(Literal wanted) {
    for (uint32_t i = 0; i < params; ++i)
      if (names[i] == wanted.c_str() || wanted.view() == names[i]) return i;
    if (params == kMaxParams) throw Error("a call has at most 16 parameters");
    names[params] = wanted.c_str();
    return params++;
  }
  void gather_entries() {
    if (entries == 0) return;
    uint32_t next = 0;
    for (uint32_t i = 0; i < params; ++i) {
      const uint32_t first = next;
      for (uint32_t k = 0; k < entries; ++k)
        if (entry[k].param == i) pairs[next++] = entry[k].pair;
      if (next > first) values[i].u.map = {pairs + first, next - first};
    }
  }
};

/// Operations that a thread has bound, by where their names stand in the source: literals do not move, so a call
/// that has been made before is found without looking at a text. A miss asks the host, who knows equal ones.
class BoundCalls {
 public:
  /// What every call has, and its parameters and tags behind it. Its number decides where it is looked for.
  struct Signature {
    static constexpr std::size_t kFixed = 5;
    std::array<uint64_t, 64> words;
    std::size_t size = 0;
    uint64_t number = 0;

    void add(uint64_t word) {   // a product for each place, none of which waits for another
      number += word * (0x9E3779B97F4A7C15u + 2 * size * 0xD1B54A32D192ED03u);
      words[size++] = word;
    }
    void add(const void* word) { add(static_cast<uint64_t>(reinterpret_cast<uintptr_t>(word))); }
  };
  struct Bound {
    std::vector<uint64_t> signature;
    sq_opref* operation = nullptr;
    uint64_t fixed = 0;

    bool is_of(const Signature& other) const {
      if (signature.size() != other.size) return false;
      uint64_t difference = 0;
      for (std::size_t i = 0; i < Signature::kFixed; ++i) difference |= signature[i] ^ other.words[i];
      for (std::size_t i = Signature::kFixed; i < other.size; ++i) difference |= signature[i] ^ other.words[i];
      return difference == 0;
    }
  };
  Bound& at(const Signature& signature) { return bound_[(signature.number >> 32) % kPlaces]; }

 private:
  static constexpr std::size_t kPlaces = 512;
  std::array<Bound, kPlaces> bound_;
};

/// What the users of one thread share. Each finds it by a pointer: to ask for what is thread_local costs a library more
/// than the rest of a call's begin.
class ThreadCalls {
 public:
  static ThreadCalls& own() {
    static thread_local ThreadCalls calls;
    return calls;
  }
  CallState* take() {
    if (free_.empty()) {
      free_.reserve(all_.size() + 1);
      all_.push_back(std::make_unique<CallState>());
      all_.back()->home = this;
      return all_.back().get();
    }
    CallState* state = free_.back();
    free_.pop_back();
    return state;
  }
  static void give(CallState* state) noexcept {
    state->clear();
    state->home->free_.push_back(state);
  }
  BoundCalls bound;

 private:
  std::vector<std::unique_ptr<CallState>> all_;
  std::vector<CallState*> free_;
};

inline sq_value make(std::string_view text) { return plugin::text_value(text); }
inline sq_value make(const char* text) { return plugin::text_value(text); }
inline sq_value make(const std::string& text) { return plugin::text_value(text); }
inline sq_value make(bool truth) { return plugin::bool_value(truth); }
inline sq_value make(const sq_value& value) { return value; }
template <class Number>
  requires std::is_arithmetic_v<Number>
sq_value make(Number number) {
  if constexpr (std::is_floating_point_v<Number>) return plugin::float_value(number);
  else return plugin::int_value(static_cast<int64_t>(number));
}
template <class Rep, class Period>
sq_value make(std::chrono::duration<Rep, Period> time) {
  return plugin::duration_value(std::chrono::duration_cast<nanoseconds>(time).count());
}

/// What `with` of the scenario gave to one use of a task, and what the table says otherwise.
struct TaskInstance {
  Task (*run)(User&) = nullptr;
  plugin::ValueStore store;
  std::vector<sq_pair> options;
  uint64_t number = 0;  // of all that were ever opened
};

}  // namespace detail

/// The answer to a call: views live as long as it does. Its sample goes into the statistics when it goes.
class Result {
 public:
  Result() = default;
  explicit Result(detail::CallState* state) : state_(state) {}
  Result(Result&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Result& operator=(Result&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Result() {
    if (!state_) return;
    detail::task_host.users->release(state_->call);
    detail::ThreadCalls::give(state_);
  }

  /// Answered, and nothing that was expected of it has failed.
  bool ok() const { return call().outcome == SQ_OUT_OK && !state_->has_failed; }
  explicit operator bool() const { return ok(); }
  uint32_t outcome() const { return call().outcome; }  // SQ_OUT_*
  uint32_t kind() const { return call().kind; }        // SQ_K_*
  /// HTTP status, MQTT reason, exit code …
  int32_t code() const { return call().code; }
  int32_t status() const { return call().code; }
  std::string_view detail() const { return plugin::view(call().detail); }
  /// From when it was due to its end.
  nanoseconds elapsed() const {
    return nanoseconds(static_cast<int64_t>(call().end_ns - call().due_ns));
  }

  /// An output of the operation (`squall plugins info http.get` lists them), `key` of those that have keys. Empty when
  /// there is none.
  std::string_view text(const char* output, std::string_view key = {}) const {
    return plugin::as_text(value(output, key));
  }
  int64_t number(const char* output, std::string_view key = {}) const {
    return plugin::as_int(value(output, key));
  }
  sq_value value(const char* output, std::string_view key = {}) const {
    sq_value out{};
    detail::task_host.users->output(state_->call, plugin::str(output), plugin::str(key), &out);
    return out;
  }
  std::string_view body() const { return text("body"); }
  std::string_view header(std::string_view name) const { return text("headers", name); }

  /// The code is as expected, whatever the operation itself thinks of it; else the call has failed.
  bool expect_status(int32_t wanted) { return expect_status(wanted, wanted); }
  bool expect_status(int32_t least, int32_t most) {
    if (call().outcome != SQ_OUT_OK) return false;
    if (call().code >= least && call().code <= most) return judge(SQ_K_NONE, {});
    char why[64];
    const int size = std::snprintf(why, sizeof why, least == most ? "status: not %d" : "status: not %d to %d", least, most);
    return judge(SQ_K_STATUS, {why, static_cast<std::size_t>(size)});
  }
  /// `why`: a few words, few different ones; results are counted by them.
  bool expect(bool holds, std::string_view why) { return holds ? ok() : fail(why); }
  bool fail(std::string_view why) {
    return call().outcome == SQ_OUT_OK ? judge(SQ_K_CHECK, why) : false;
  }

 private:
  const sq_call& call() const { return *state_->call; }
  bool judge(uint32_t kind, std::string_view why) {
    detail::task_host.users->judge(state_->call, kind, plugin::str(why));
    if (kind != SQ_K_NONE) state_->has_failed = true;
    return !state_->has_failed;
  }
  detail::CallState* state_ = nullptr;
};

/// A call that is being put together; begins when it is awaited. Values are views: they must live until its answer.
class [[nodiscard]] Call {
 public:
  Call(User& user, Literal operation);
  Call(Call&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Call& operator=(Call&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Call() {
    if (!state_) return;
    if (state_->call) detail::task_host.users->release(state_->call);
    detail::ThreadCalls::give(state_);
  }

  /// A target of the scenario; the only fitting one, or `default`, when there is none.
  Call&& to(Literal target) {
    state_->to = target.c_str();
    return std::move(*this);
  }
  /// Of its series; the operation's name when there is none.
  Call&& named(Literal name) {
    state_->name = name.c_str();
    return std::move(*this);
  }
  Call&& timeout(nanoseconds time) {
    state_->timeout_ns = time.count();
    return std::move(*this);
  }
  Call&& tag(Literal name, Literal value) {
    if (state_->tags == std::size(state_->tag)) throw Error("a call has at most 8 tags");
    state_->tag[state_->tags][0] = name.c_str();
    state_->tag[state_->tags++][1] = value.c_str();
    return std::move(*this);
  }
  /// A parameter: text, number, truth, duration, or an sq_value.
  template <class Value>
  Call&& with(Literal param, const Value& value) {
    state_->values[state_->param(param)] = detail::make(value);
    return std::move(*this);
  }
  /// One entry of a parameter that is a map: `.with("headers", "accept", "text/html")`.
  template <class Value>
  Call&& with(Literal param, std::string_view key, const Value& value) {
    if (state_->entries == detail::kMaxEntries) throw Error("a call has at most 32 entries of maps");
    const uint32_t index = state_->param(param);
    state_->values[index] = plugin::make_value(SQ_T_MAP);
    state_->entry[state_->entries++] = {index, {plugin::str(key), detail::make(value)}};
    return std::move(*this);
  }

  class Awaiter;
  Awaiter operator co_await() &&;

  /// For all(): begins it, and tells `arrival` when it has ended.
  void begin(detail::Arrival& arrival);
  Result take() { return Result(std::exchange(state_, nullptr)); }
  /// The pass must end: what was asked for counts no more.
  bool is_stopping() const;

 private:
  void bind(detail::BoundCalls::Bound& bound);
  detail::CallState* state_;
};

class Call::Awaiter {
 public:
  explicit Awaiter(Call call) : call_(std::move(call)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    arrival_ = {waiter, 1};
    call_.begin(arrival_);
  }
  Result await_resume() {
    if (call_.is_stopping()) throw Cancelled{};
    return call_.take();
  }

 private:
  Call call_;
  detail::Arrival arrival_;
};
inline Call::Awaiter Call::operator co_await() && { return Awaiter(std::move(*this)); }


/// Several calls side by side; a protocol with one connection a user may open more for them.
template <std::size_t N>
class [[nodiscard]] AllCalls {
 public:
  explicit AllCalls(User& user, std::array<Call, N> calls) : user_(user), calls_(std::move(calls)) {}
  bool await_ready() const noexcept { return N == 0; }
  /// When one cannot begin, those before it come to their end first: the host still has their arguments.
  bool await_suspend(std::coroutine_handle<> waiter) {
    arrival_ = {waiter, N};
    for (Call& call : calls_) {
      try {
        call.begin(arrival_);
      } catch (...) {
        thrown_ = std::current_exception();
        arrival_.missing = static_cast<std::size_t>(&call - calls_.data());
        break;
      }
    }
    return arrival_.missing > 0;
  }
  std::array<Result, N> await_resume();

 private:
  User& user_;
  std::array<Call, N> calls_;
  detail::Arrival arrival_;
  std::exception_ptr thrown_;
};

/// An exclusive record, in this user's hands as long as it lives. Empty after a time-out of acquire().
class Record {
 public:
  Record() = default;
  Record(sq_user* user, sq_record* record) : user_(user), record_(record) {}
  Record(Record&& other) noexcept : user_(other.user_), record_(std::exchange(other.record_, nullptr)) {}
  Record& operator=(Record&& other) noexcept {
    std::swap(user_, other.user_);
    std::swap(record_, other.record_);
    return *this;
  }
  ~Record() { release(); }
  explicit operator bool() const { return record_; }
  /// The text of a column; valid as long as the record is held.
  std::string_view operator[](std::string_view column) const {
    sq_str out{};
    if (!record_ || detail::task_host.records->field(record_, plugin::str(column), &out) != SQ_OK)
      throw Error("no such column: " + std::string(column));
    return plugin::view(out);
  }
  void release() {
    if (record_) detail::task_host.records->release(user_, std::exchange(record_, nullptr));
  }

 private:
  sq_user* user_ = nullptr;
  sq_record* record_ = nullptr;
};

class [[nodiscard]] Acquire {
 public:
  Acquire(sq_user* user, Literal dataset) : user_(user), dataset_(dataset) {}
  Acquire&& where(std::string_view column, std::string_view value) {
    if (wheres_ == std::size(where_)) throw Error("acquire takes at most 4 columns");
    where_[wheres_++] = {plugin::str(column), plugin::text_value(value)};
    return std::move(*this);
  }
  Acquire&& timeout(nanoseconds time) {
    timeout_ = time;
    return std::move(*this);
  }
  class Awaiter;
  Awaiter operator co_await() &&;

 private:
  sq_user* user_;
  Literal dataset_;
  sq_pair where_[4]{};
  uint64_t wheres_ = 0;
  nanoseconds timeout_{0};
};

class Acquire::Awaiter {
 public:
  explicit Awaiter(const Acquire& wish) : wish_(wish) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    sq_error error{};
    const sq_status status = detail::task_host.records->acquire(
        wish_.user_, plugin::str(wish_.dataset_.view()), wish_.where_, wish_.wheres_,
        static_cast<uint64_t>(wish_.timeout_.count()),
        [](void* self, sq_status got, sq_record* record) noexcept {
          auto& own = *static_cast<Awaiter*>(self);
          own.status_ = got;
          own.record_ = record;
          own.waiter_.resume();
        },
        this, &error);
    if (status == SQ_E_CLOSED) throw Cancelled{};
    if (status != SQ_OK) throw Error(error.text);
  }
  Record await_resume() {
    if (status_ == SQ_E_CLOSED) throw Cancelled{};
    return {wish_.user_, record_};
  }

 private:
  const Acquire wish_;
  std::coroutine_handle<> waiter_;
  sq_status status_ = SQ_OK;
  sq_record* record_ = nullptr;
};
inline Acquire::Awaiter Acquire::operator co_await() && { return Awaiter(*this); }

class [[nodiscard]] Wait {
 public:
  Wait(sq_user* user, nanoseconds time) : user_(user), time_(time) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    const auto ns = static_cast<uint64_t>(time_.count() > 0 ? time_.count() : 0);
    status_ = detail::task_host.users->wait(
        user_, ns,
        [](void* self, sq_status status) noexcept {
          auto& own = *static_cast<Wait*>(self);
          own.status_ = status;
          own.waiter_.resume();
        },
        this);
    if (status_ == SQ_E_CLOSED) throw Cancelled{};
    if (status_ != SQ_OK) throw Error("a user waits for one thing at a time");
  }
  void await_resume() const {
    if (status_ != SQ_OK) throw Cancelled{};
  }

 private:
  sq_user* user_;
  nanoseconds time_;
  std::coroutine_handle<> waiter_;
  sq_status status_ = SQ_OK;
};

/// What happens until it goes is one sample; failed when something inside failed.
class [[nodiscard]] Group {
 public:
  explicit Group(sq_user* user) : user_(user), thrown_(std::uncaught_exceptions()) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    const bool is_thrown = std::uncaught_exceptions() > thrown_;
    const auto& users = *detail::task_host.users;
    users.group_end(user_, !is_thrown ? SQ_OUT_OK : users.stopping(user_) ? SQ_OUT_CANCELLED : SQ_OUT_FAILED);
  }

 private:
  sq_user* user_;
  int thrown_;
};

/// The next numbers of this user's stream: the same for one seed, on any number of machines.
struct Random {
  using result_type = uint64_t;
  sq_user* user;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }
  uint64_t operator()() const { return detail::task_host.users->random(user); }
};

/// A virtual user, as its tasks see it. One object for its life; a task gets it by reference.
class User {
 public:
  /// Thread: the user's shard's, as all that it does.
  explicit User(sq_user* own) : own_(own), calls_(detail::ThreadCalls::own()) {}
  User(const User&) = delete;
  User& operator=(const User&) = delete;
  ~User() {
    if (pass_) pass_.destroy();
    for (const State& state : states_) state.destroy(state.object);
  }

  // ---- who it is
  uint64_t index() const { return info().index; }
  uint64_t iteration() const { return info().iteration; }
  std::string_view population() const { return plugin::view(info().population); }
  /// The scenario's name for what it does.
  std::string_view task() const { return plugin::view(info().task); }
  /// The value of an option of the task: what the scenario gives, or the default.
  std::string_view option_text(std::string_view name) const { return plugin::as_text(option(name)); }
  int64_t option_number(std::string_view name) const { return plugin::as_int(option(name)); }
  double option_float(std::string_view name) const { return plugin::as_float(option(name)); }
  bool option_flag(std::string_view name) const { return plugin::as_bool(option(name)); }
  nanoseconds option_time(std::string_view name) const { return nanoseconds(plugin::as_int(option(name))); }
  /// An object of this user's own, made when it is first asked for; it lives as long as the user.
  template <class T>
  T& state() {
    static const char kind = 0;
    for (const State& state : states_)
      if (state.kind == &kind) return *static_cast<T*>(state.object);
    states_.push_back({&kind, new T(), [](void* object) { delete static_cast<T*>(object); }});
    return *static_cast<T*>(states_.back().object);
  }

  // ---- what it does
  Call call(Literal operation) { return Call(*this, operation); }
  template <class... Calls>
  auto all(Calls&&... calls) {
    return AllCalls<sizeof...(Calls)>(*this, std::array<Call, sizeof...(Calls)>{std::move(calls)...});
  }
  /// Think time: the next call is due when it ends.
  Wait wait(nanoseconds time) { return Wait(own_, time); }
  /// A record of a dataset with `pick: exclusive`; waits until one is free.
  Acquire acquire(Literal dataset) { return Acquire(own_, dataset); }
  bool any_free(std::string_view dataset) const {
    return detail::task_host.records->any_free(own_, plugin::str(dataset)) != 0;
  }
  /// `auto checkout = user.group("checkout");`
  Group group(Literal name, Literal type = "group") {
    check(detail::task_host.users->group_begin(own_, plugin::str(name.view()), plugin::str(type.view())), "group", name.view());
    return Group(own_);
  }
  /// Ends the iteration, which is then interrupted and not failed.
  [[noreturn]] void interrupt() { throw Interrupted{}; }

  // ---- what it knows and tells
  Random random() const { return {own_}; }
  /// Even over 0 … n - 1; n > 0.
  uint64_t below(uint64_t n) const {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(random()()) * n) >> 64);
  }
  /// Even over [0, 1).
  double unit() const { return static_cast<double>(random()() >> 11) * 0x1p-53; }
  bool chance(double share) const { return unit() < share; }
  nanoseconds between(nanoseconds least, nanoseconds most) const {
    return least + nanoseconds(static_cast<int64_t>(below(static_cast<uint64_t>((most - least).count()) + 1)));
  }
  /// ${name} as a step of the scenario sees it: a variable, a var, a column such as "users.name". Valid until the next
  /// one; Error when it has no value.
  std::string_view text(std::string_view name) const {
    const sq_value& value = get(name);
    if (value.type == SQ_T_STR || value.type == SQ_T_BYTES) return plugin::view(value.u.str);
    throw Error("'" + std::string(name) + "' is no text");
  }
  int64_t number(std::string_view name) const { return plugin::as_int(get(name)); }
  bool has(std::string_view name) const {
    sq_value value{};
    return detail::task_host.users->get(own_, plugin::str(name), &value) == SQ_OK;
  }
  /// For the steps of this iteration; the table of tasks names it under sets().
  template <class Value>
  void set(std::string_view name, const Value& value) {
    const sq_value given = detail::make(value);
    check(detail::task_host.users->set(own_, plugin::str(name), &given), "set", name);
  }
  void metric(std::string_view name, double value) {
    check(detail::task_host.users->metric(own_, plugin::str(name), value), "metric", name);
  }
  /// A sample of your own, for what is no call; in no total. Times are now_ns()'s.
  void sample(std::string_view name, uint64_t begin_ns, uint64_t end_ns, bool is_ok = true) {
    check(detail::task_host.users->sample(own_, plugin::str(name), begin_ns, end_ns, is_ok ? SQ_OUT_OK : SQ_OUT_FAILED,
                                          is_ok ? SQ_K_NONE : SQ_K_CHECK), "sample", name);
  }
  uint64_t now_ns() const { return detail::task_host.loop->now_ns(detail::task_host.users->shard(own_)); }
  bool is_stopping() const { return detail::task_host.users->stopping(own_) != 0; }

  // ---- for the table of tasks
  sq_user* own() const { return own_; }
  const detail::TaskInstance& instance() const { return *instance_; }
  detail::ThreadCalls& calls() { return calls_; }
  void begin(detail::TaskInstance& instance, sq_done* done) {
    instance_ = &instance;
    done_ = done;
    try {
      pass_ = instance.run(*this).release();
    } catch (...) {
      return tell(std::current_exception());
    }
    pass_.promise().pass_of = this;
    pass_.resume();
  }
  void pass_is_over() noexcept {
    const std::exception_ptr thrown = std::exchange(pass_.promise().thrown, nullptr);
    std::exchange(pass_, {}).destroy();
    tell(thrown);
  }

 private:
  struct State {
    const void* kind;
    void* object;
    void (*destroy)(void*);
  };
  const sq_user_info& info() const { return *detail::task_host.users->info(own_); }
  const sq_value& option(std::string_view name) const {
    for (const sq_pair& option : instance_->options)
      if (plugin::view(option.key) == name) return option.value;
    throw Error("the task has no option '" + std::string(name) + "'");
  }
  const sq_value& get(std::string_view name) const {
    if (detail::task_host.users->get(own_, plugin::str(name), &read_) != SQ_OK)
      throw Error("'" + std::string(name) + "' has no value");
    return read_;
  }
  static void check(sq_status status, const char* what, std::string_view name) {
    if (status != SQ_OK) throw Error(std::string(what) + ": the scenario has no '" + std::string(name) + "'");
  }
  void tell(const std::exception_ptr& thrown) noexcept {
    const auto done = [this](sq_status status, std::string_view why) {
      detail::task_host.loop->done(done_, status, plugin::str(why));
    };
    if (!thrown) return done(SQ_OK, {});
    try {
      std::rethrow_exception(thrown);
    } catch (const Cancelled&) {
      done(SQ_E_CLOSED, {});
    } catch (const Interrupted&) {
      done(SQ_DONE, {});
    } catch (const std::exception& problem) {
      done(SQ_E_INVALID, problem.what());
    } catch (...) {
      done(SQ_E_INVALID, "exception");
    }
  }

  sq_user* own_;
  detail::ThreadCalls& calls_;
  detail::TaskInstance* instance_ = nullptr;
  sq_done* done_ = nullptr;
  Task::Handle pass_;
  std::vector<State> states_;
  mutable sq_value read_{};
};

namespace detail {

template <class Promise>
std::coroutine_handle<> PromiseBase::End::await_suspend(std::coroutine_handle<Promise> own) noexcept {
  PromiseBase& promise = own.promise();
  if (promise.awaiter) return promise.awaiter;
  promise.pass_of->pass_is_over();   // this frame is gone now
  return std::noop_coroutine();
}

}  // namespace detail

inline Call::Call(User& user, Literal operation) : state_(user.calls().take()) {
  state_->user = &user;
  state_->operation = operation.c_str();
}

inline void Call::bind(detail::BoundCalls::Bound& bound) {
  std::array<sq_pair, detail::kMaxParams + 4> pairs;
  std::array<sq_pair, 8> tags;
  uint64_t n = 0;
  const auto add = [&](const char* key, const sq_value& value) { pairs[n++] = {plugin::str(key), value}; };
  for (uint32_t i = 0; i < state_->params; ++i) add(state_->names[i], state_->values[i]);
  if (state_->to) add("to", plugin::text_value(state_->to));
  if (state_->name) add("name", plugin::text_value(state_->name));
  if (state_->timeout_ns) add("timeout", plugin::duration_value(state_->timeout_ns));
  if (state_->tags) {
    for (uint32_t i = 0; i < state_->tags; ++i) tags[i] = {plugin::str(state_->tag[i][0]), plugin::text_value(state_->tag[i][1])};
    sq_value map = plugin::make_value(SQ_T_MAP);
    map.u.map = {tags.data(), state_->tags};
    add("tags", map);
  }
  sq_error error{};
  if (detail::task_host.users->bind(state_->user->own(), plugin::str(state_->operation), pairs.data(), n, &bound.operation,
                                    &bound.fixed, &error) != SQ_OK) {
    bound.operation = nullptr;
    throw Error(error.text);
  }
  bound.fixed &= (uint64_t{1} << state_->params) - 1;
}

inline void Call::begin(detail::Arrival& arrival) {
  detail::CallState& state = *state_;
  state.arrival = &arrival;
  state.gather_entries();
  detail::BoundCalls::Signature signature;
  signature.add(state.user->instance().number);
  signature.add(static_cast<uint64_t>(state.timeout_ns));
  signature.add(state.operation);
  signature.add(state.to);
  signature.add(state.name);
  for (uint32_t i = 0; i < state.params; ++i) {
    signature.add(state.names[i]);
    signature.add(uint64_t{state.values[i].type});
  }
  for (uint32_t i = 0; i < state.tags; ++i) {
    signature.add(state.tag[i][0]);
    signature.add(state.tag[i][1]);
  }
  detail::BoundCalls::Bound& bound = state.home->bound.at(signature);
  const bool is_known = bound.operation && bound.fixed == 0 && bound.is_of(signature);
  if (!is_known) {   // a value that is part of the operation may be another one each time: the host compares it
    bind(bound);
    bound.signature.assign(signature.words.data(), signature.words.data() + signature.size);
  }
  const sq_value* values = state.values;
  uint32_t count = state.params;
  if (bound.fixed != 0) {
    count = 0;
    for (uint32_t i = 0; i < state.params; ++i)
      if (!(bound.fixed >> i & 1)) state.compacted[count++] = state.values[i];
    values = state.compacted;
  }
  static const sq_call_events kEvents = {sizeof(sq_call_events), 0, [](sq_call* call) noexcept {
    static_cast<detail::CallState*>(call->owner_data)->arrival->one();
  }};
  state.call = detail::task_host.users->call(state.user->own(), bound.operation, values, count, &kEvents, &state);
  if (!state.call) throw Cancelled{};
}

inline bool Call::is_stopping() const { return state_->user->is_stopping(); }

template <std::size_t N>
std::array<Result, N> AllCalls<N>::await_resume() {
  if (thrown_) std::rethrow_exception(thrown_);
  if (user_.is_stopping()) throw Cancelled{};
  std::array<Result, N> results;
  for (std::size_t i = 0; i < N; ++i) results[i] = calls_[i].take();
  return results;
}

// ---- the table of tasks ------------------------------------------------------------------------------------

namespace detail {

/// One task as the scenario knows it.
class TaskSpec {
 public:
  TaskSpec(const char* name, Task (*run)(User&), const char* doc) : run_(run) {
    described_.struct_size = sizeof described_;
    described_.name = name;
    described_.doc = doc;
  }
  /// `with: { pages: 5 }` beside the task in the scenario.
  TaskSpec&& option(const char* name, int64_t value, const char* doc) && {
    return std::move(*this).add(SQ_T_I64, name, std::to_string(value), doc);
  }
  TaskSpec&& option(const char* name, int value, const char* doc) && {
    return std::move(*this).option(name, int64_t{value}, doc);
  }
  TaskSpec&& option(const char* name, double value, const char* doc) && {
    return std::move(*this).add(SQ_T_F64, name, std::to_string(value), doc);
  }
  TaskSpec&& option(const char* name, bool value, const char* doc) && {
    return std::move(*this).add(SQ_T_BOOL, name, value ? "true" : "false", doc);
  }
  TaskSpec&& option(const char* name, const char* value, const char* doc) && {
    std::string json = "\"";
    for (const char c : std::string_view(value)) {
      if (c == '"' || c == '\\') json += '\\';
      json += c;
    }
    return std::move(*this).add(SQ_T_STR, name, json + '"', doc, plugin::text_value(value));
  }
  TaskSpec&& option(const char* name, nanoseconds value, const char* doc) && {
    return std::move(*this).add(SQ_T_DURATION, name, "\"" + std::to_string(value.count()) + "ns\"", doc,
                                plugin::duration_value(value.count()));
  }
  /// Variables that it gives to the scenario's own steps by User::set().
  TaskSpec&& sets(const char* name) && {
    sets_.push_back(name);
    return std::move(*this);
  }
  /// Metrics that it reports by User::metric().
  TaskSpec&& metric(const char* name) && {
    metrics_.push_back(name);
    return std::move(*this);
  }

 private:
  friend class TaskTable;
  TaskSpec&& add(uint32_t type, const char* name, std::string json, const char* doc, sq_value value = {}) && {
    if (type == SQ_T_I64) value = plugin::int_value(std::stoll(json));
    if (type == SQ_T_F64) value = plugin::float_value(std::stod(json));
    if (type == SQ_T_BOOL) value = plugin::bool_value(json == "true");
    defaults_.push_back({std::make_unique<std::string>(std::move(json)), value});
    params_.push_back(std::make_unique<sq_param>(plugin::param(type, name, doc, {.default_json = defaults_.back().json->c_str()})));
    return std::move(*this);
  }
  struct Default {
    std::unique_ptr<std::string> json;
    sq_value value;
  };
  Task (*run_)(User&);
  sq_task described_{};
  std::vector<std::unique_ptr<sq_param>> params_;
  std::vector<Default> defaults_;
  std::vector<const sq_param*> options_;
  std::vector<const char*> sets_, metrics_;
};

/// All tasks of a plugin; lives to the end of the process.
class TaskTable {
 public:
  template <class... Specs>
  explicit TaskTable(const char* name, Specs&&... specs) {
    specs_.reserve(sizeof...(specs));
    (specs_.push_back(std::forward<Specs>(specs)), ...);
    for (TaskSpec& spec : specs_) {
      for (const auto& param : spec.params_) spec.options_.push_back(param.get());
      spec.options_.push_back(nullptr);
      spec.sets_.push_back(nullptr);
      spec.metrics_.push_back(nullptr);
      spec.described_.options = spec.options_.data();
      spec.described_.sets = spec.sets_.data();
      spec.described_.metrics = spec.metrics_.data();
      tasks_.push_back(&spec.described_);
    }
    tasks_.push_back(nullptr);
    the_table() = this;
    table = {sizeof table, 0, name, tasks_.data(), task_open, task_close, user_open, user_close, run, cancel};
  }
  sq_tasks table{};

 private:
  static TaskTable*& the_table() {
    static TaskTable* table = nullptr;
    return table;
  }
  static sq_status task_open(uint32_t index, const sq_pair* given, uint64_t n, void** out, sq_error* error) noexcept {
    return plugin::guard(error, [&] {
      static std::atomic<uint64_t> opened{0};
      TaskSpec& spec = the_table()->specs_.at(index);
      auto instance = std::make_unique<TaskInstance>();
      instance->run = spec.run_;
      instance->number = ++opened;
      for (std::size_t i = 0; i < spec.params_.size(); ++i) {
        sq_pair option{plugin::str(spec.params_[i]->name), spec.defaults_[i].value};
        for (uint64_t k = 0; k < n; ++k)
          if (plugin::view(given[k].key) == spec.params_[i]->name) option.value = instance->store.copy(given[k].value);
        instance->options.push_back(option);
      }
      *out = instance.release();
    });
  }
  static void task_close(void* task) noexcept { delete static_cast<TaskInstance*>(task); }
  static sq_status user_open(sq_user* own, void** self, sq_error* error) noexcept {
    return plugin::guard(error, [&] { *self = new User(own); });
  }
  static void user_close(void* self) noexcept { delete static_cast<User*>(self); }
  static void run(void* self, void* task, sq_done* done) noexcept {
    static_cast<User*>(self)->begin(*static_cast<TaskInstance*>(task), done);
  }
  static void cancel(void*) noexcept {}   // whatever it waits for is the host's, and has just ended

  std::vector<TaskSpec> specs_;
  std::vector<const sq_task*> tasks_;
};

}  // namespace detail

/// `task("browse", browse, "looks at pages").option("pages", 3, "how many")`
inline detail::TaskSpec task(const char* name, Task (*run)(User&), const char* doc = "") { return {name, run, doc}; }

/// The plugin's one export: SQUALL_TASKS("shop", "1.0.0", squall::task("browse", browse), …). The scenario then has the
/// tasks shop.browse …
#define SQUALL_TASKS(name, version, ...)                                                         \
  extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void);                            \
  extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) {                           \
    static const sq_plugin kPlugin = {                                                           \
        sizeof(sq_plugin),                                                                       \
        SQ_ABI_MAJOR,                                                                            \
        SQ_TARGET_MINOR,                                                                         \
        name,                                                                                    \
        version,                                                                                 \
        "tasks",                                                                                 \
        "-",                                                                                     \
        SQUALL_BUILD_INFO,                                                                       \
        0,                                                                                       \
        [](const sq_host* root, sq_error* error) noexcept -> sq_status {                         \
          return ::squall::plugin::guard(error, [&] { ::squall::detail::task_host.load(root); }); \
        },                                                                                       \
        []() noexcept {},                                                                        \
        [](const char* wanted) noexcept -> const void* {                                         \
          static const ::squall::detail::TaskTable kTable(name, __VA_ARGS__);                    \
          return std::string_view(wanted) == SQ_TASKS_V1 ? &kTable.table : nullptr;              \
        }};                                                                                      \
    return &kPlugin;                                                                             \
  }

}  // namespace squall
