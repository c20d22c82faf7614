// Comfort for protocol plugins in C++20 over <squall/abi.h>: views, described parameters, bindings
// resolved once, RAII for timers and watches, and a table whose functions let no exception out.
// Header only, std only; all of it is compiled INTO the plugin, so nothing here is part of the ABI.
// It hides no idea of abi.h: whoever knows that header can read every line below.
#pragma once
#include <squall/abi.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace squall::plugin {

// ---- values ------------------------------------------------------------------------------------

inline std::string_view view(sq_str text) { return {text.ptr ? text.ptr : "", text.len}; }
inline std::string_view view(sq_buf bytes) {
  return {bytes.ptr ? static_cast<const char*>(bytes.ptr) : "", bytes.len};
}
constexpr sq_str str(std::string_view text) { return {text.data(), text.size()}; }
inline sq_buf buf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

inline sq_value make_value(uint32_t type) {
  sq_value value{};
  value.type = type;
  return value;
}
inline sq_value text_value(std::string_view text) {
  sq_value value = make_value(SQ_T_STR);
  value.u.str = str(text);
  return value;
}
inline sq_value bytes_value(std::string_view bytes) {
  sq_value value = make_value(SQ_T_BYTES);
  value.u.str = str(bytes);
  return value;
}
inline sq_value int_value(int64_t number) {
  sq_value value = make_value(SQ_T_I64);
  value.u.i64 = number;
  return value;
}
inline sq_value bool_value(bool truth) {
  sq_value value = make_value(SQ_T_BOOL);
  value.u.i64 = truth;
  return value;
}
inline sq_value float_value(double number) {
  sq_value value = make_value(SQ_T_F64);
  value.u.f64 = number;
  return value;
}
inline sq_value duration_value(int64_t ns) {
  sq_value value = make_value(SQ_T_DURATION);
  value.u.i64 = ns;
  return value;
}

/// Reads of the wrong type give the fallback: the host has checked types against the description.
inline std::string_view as_text(const sq_value& value, std::string_view fallback = {}) {
  return value.type == SQ_T_STR || value.type == SQ_T_BYTES ? view(value.u.str) : fallback;
}
inline int64_t as_int(const sq_value& value, int64_t fallback = 0) {
  if (value.type == SQ_T_F64) return static_cast<int64_t>(value.u.f64);
  return value.type == SQ_T_I64 || value.type == SQ_T_BOOL || value.type == SQ_T_DURATION
             ? value.u.i64
             : fallback;
}
inline double as_float(const sq_value& value, double fallback = 0) {
  if (value.type == SQ_T_I64) return static_cast<double>(value.u.i64);
  return value.type == SQ_T_F64 ? value.u.f64 : fallback;
}
inline bool as_bool(const sq_value& value, bool fallback = false) {
  return value.type == SQ_T_BOOL || value.type == SQ_T_I64 ? value.u.i64 != 0 : fallback;
}
inline const sq_target* as_target(const sq_value& value) {
  return value.type == SQ_T_TARGET ? value.u.target : nullptr;
}
inline sq_source* as_source(const sq_value& value) {
  return value.type == SQ_T_SOURCE ? value.u.source : nullptr;
}
inline std::span<const sq_value> as_list(const sq_value& value) {
  if (value.type != SQ_T_LIST) return {};
  return {value.u.list.ptr, static_cast<size_t>(value.u.list.len)};
}
inline std::span<const sq_pair> as_map(const sq_value& value) {
  if (value.type != SQ_T_MAP) return {};
  return {value.u.map.ptr, static_cast<size_t>(value.u.map.len)};
}
/// The value of a key, or nullptr.
inline const sq_value* find(std::span<const sq_pair> map, std::string_view key) {
  for (const sq_pair& pair : map)
    if (view(pair.key) == key) return &pair.value;
  return nullptr;
}
/// A scalar as the text that a user wrote: `page: 3` in a query is "3".  Lists, maps: nothing.
inline void append_text(std::string& out, const sq_value& value) {
  char digits[32];
  switch (value.type) {
    case SQ_T_STR:
    case SQ_T_BYTES:
      out.append(view(value.u.str));
      break;
    case SQ_T_BOOL:
      out.append(value.u.i64 ? "true" : "false");
      break;
    case SQ_T_I64:
    case SQ_T_DURATION:
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.u.i64).ptr);
      break;
    case SQ_T_F64:
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.u.f64).ptr);
      break;
    default:
      break;
  }
}

// ---- errors ------------------------------------------------------------------------------------

/// Thrown by a plugin's own code to refuse with a status and a text; ends at guard().
struct Refusal : std::runtime_error {
  Refusal(sq_status status, const std::string& text) : std::runtime_error(text), status(status) {}
  sq_status status;
};
inline Refusal invalid(const std::string& text) { return {SQ_E_INVALID, text}; }

inline sq_status report(sq_error* error, sq_status status, std::string_view text) noexcept {
  if (error) {
    error->code = status;
    const size_t length = std::min(text.size(), sizeof error->text - 1);
    if (length) std::memcpy(error->text, text.data(), length);
    error->text[length] = '\0';
  }
  return status;
}
/// Runs `body`; what it throws becomes a status and a text.  R5: nothing crosses.
template <class Body>
sq_status guard(sq_error* error, Body&& body) noexcept {
  try {
    body();
    return SQ_OK;
  } catch (const Refusal& refusal) {
    return report(error, refusal.status, refusal.what());
  } catch (const std::bad_alloc&) {
    return report(error, SQ_E_NOMEM, "out of memory");
  } catch (const std::exception& problem) {
    return report(error, SQ_E_INTERNAL, problem.what());
  } catch (...) {
    return report(error, SQ_E_INTERNAL, "unknown exception");
  }
}

// ---- the host's tables -------------------------------------------------------------------------

/// The tables that the host offers; those it lacks are nullptr.  One per plugin, set by init().
struct Host {
  const sq_host* root = nullptr;
  const sq_loop_api* loop = nullptr;
  const sq_calls_api* calls = nullptr;
  const sq_stream_api* stream = nullptr;
  const sq_target_api* target = nullptr;
  const sq_source_api* source = nullptr;
  const sq_fdwatch_api* fdwatch = nullptr;
  const sq_dgram_api* datagram = nullptr;
  const sq_samples_api* samples = nullptr;

  void load(const sq_host* host) {
    root = host;
    get(loop, SQ_LOOP_V1);
    get(calls, SQ_CALLS_V1);
    get(stream, SQ_STREAM_V1);
    get(target, SQ_TARGET_V1);
    get(source, SQ_SOURCE_V1);
    get(fdwatch, SQ_FDWATCH_V1);
    get(datagram, SQ_DATAGRAM_V1);
    get(samples, SQ_SAMPLES_V1);
    if (!loop || !calls)
      throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.loop/1 or squall.calls/1");
  }
  void log(uint32_t level, std::string_view text) const { root->log(root, level, str(text)); }

 private:
  template <class Table>
  void get(const Table*& table, const char* id) {
    table = static_cast<const Table*>(root->get_extension(root, id, sizeof(Table)));
  }
};
/// The plugin's own copy: one export per plugin means one of these per shared library.
inline Host host;

// ---- descriptions ------------------------------------------------------------------------------

struct ParamMore {
  uint32_t flags = 0, unit = SQ_U_NONE;
  const char* default_json = nullptr;
  const char* const* choices = nullptr;
};
constexpr sq_param param(uint32_t type, const char* name, const char* doc, ParamMore more = {}) {
  return {sizeof(sq_param),  type,        more.flags, more.unit, name, doc,
          more.default_json, more.choices};
}
struct OperationMore {
  uint32_t flags = 0;
  uint64_t cancel_limit_ns = 0;
  const char* code_output =
      nullptr;  // "status": codes outside [code_min, code_max] fail the sample
  int32_t code_min = 0, code_max = 0;
};
constexpr sq_op operation(const char* name, const char* doc, const sq_param* const* params,
                          const sq_param* const* outputs, OperationMore more = {}) {
  return {sizeof(sq_op),        more.flags,       name,          doc,          params, outputs,
          more.cancel_limit_ns, more.code_output, more.code_min, more.code_max};
}
inline uint32_t param_count(const sq_op& op) {
  uint32_t count = 0;
  while (op.params && op.params[count]) ++count;
  return count;
}

// ---- bindings ----------------------------------------------------------------------------------

/// Owns deep copies of borrowed values (R4: an argument view ends when the call returns).
class ValueStore {
 public:
  ValueStore() = default;
  ValueStore(const ValueStore&) = delete;
  ValueStore& operator=(const ValueStore&) = delete;

  sq_value copy(const sq_value& value) {
    sq_value result = value;
    if (value.type == SQ_T_STR || value.type == SQ_T_BYTES) {
      result.u.str = copy(value.u.str);
    } else if (value.type == SQ_T_LIST) {
      std::vector<sq_value> items;
      for (const sq_value& item : as_list(value)) items.push_back(copy(item));
      result.u.list.ptr = lists_.emplace_back(std::move(items)).data();
    } else if (value.type == SQ_T_MAP) {
      std::vector<sq_pair> pairs;
      for (const sq_pair& pair : as_map(value)) pairs.push_back({copy(pair.key), copy(pair.value)});
      result.u.map.ptr = maps_.emplace_back(std::move(pairs)).data();
    }
    return result;
  }
  sq_str copy(sq_str text) { return str(texts_.emplace_back(view(text))); }

 private:
  std::deque<std::string> texts_;  // a deque never moves its elements
  std::deque<std::vector<sq_value>> lists_;
  std::deque<std::vector<sq_pair>> maps_;
};

/// Where one parameter's value comes from: not given, fixed at prepare(), or args[slot] of start().
struct Bound {
  bool given = false;
  int32_t slot = -1;
  sq_value value{};

  bool is_static() const { return slot < 0; }
  /// Never nullptr; SQ_T_NULL when the parameter was not given.
  const sq_value& of(const sq_value* args) const { return slot < 0 ? value : args[slot]; }
};

/// All bindings of one prepared operation, by parameter index, and the step's target.
class Args {
 public:
  /// Errors: invalid() for an index out of range or bound twice, a required one missing, or
  /// SQ_P_STATIC bound to a slot.
  Args(const sq_op& op, std::span<const sq_binding> bindings) : bound_(param_count(op)) {
    for (const sq_binding& binding : bindings) {
      const bool is_target = binding.param == SQ_PARAM_TO;
      if (!is_target && binding.param >= bound_.size())
        throw invalid(std::string(op.name) + " has no parameter " + std::to_string(binding.param));
      Bound& bound = is_target ? to_ : bound_[binding.param];
      const char* name = is_target ? "to" : op.params[binding.param]->name;
      if (bound.given) throw invalid(std::string("parameter ") + name + " is given twice");
      if (!is_target && binding.slot >= 0 && (op.params[binding.param]->flags & SQ_P_STATIC))
        throw invalid(std::string("parameter ") + name + " cannot vary from call to call");
      bound.given = true;
      bound.slot = binding.slot;
      if (binding.slot < 0)
        bound.value = store_.copy(binding.value);
      else
        slots_ = std::max(slots_, static_cast<uint32_t>(binding.slot) + 1);
    }
    for (size_t i = 0; i < bound_.size(); ++i)
      if ((op.params[i]->flags & SQ_P_REQUIRED) && !bound_[i].given)
        throw invalid(std::string("parameter ") + op.params[i]->name + " is missing");
  }

  const Bound& operator[](uint32_t param) const { return bound_[param]; }
  const Bound& to() const { return to_; }
  const sq_target* target(const sq_value* args) const { return as_target(to_.of(args)); }
  /// How many slots start() must be given.
  uint32_t slots() const { return slots_; }
  bool all_static() const { return slots_ == 0; }

 private:
  ValueStore store_;
  std::vector<Bound> bound_;
  Bound to_;
  uint32_t slots_ = 0;
};

// ---- calls, timers, watches --------------------------------------------------------------------

/// `detail` must stay valid to release(): a literal, or memory of the call.
inline void complete(sq_call* call, uint32_t outcome, uint32_t kind, int32_t code = 0,
                     std::string_view detail = {}) {
  call->outcome = outcome;
  call->kind = kind;
  call->code = code;
  call->detail = str(detail);
  host.calls->complete(call);
}

/// Whether this is one of several calls that a user makes side by side.
inline bool is_beside(const sq_call* call) {
  return SQ_HAS(call, flags) && (call->flags & SQ_CALL_BESIDE) != 0;
}

/// Gives every nanosecond of a call to one phase, so that the phases add up to its whole time.
struct PhaseClock {
  uint64_t last_ns = 0;
  void begin(const sq_call* call) { last_ns = call->start_ns; }
  void mark(sq_call* call, uint32_t phase, uint64_t now_ns) {
    if (now_ns <= last_ns) return;
    call->phase_ns[phase] += now_ns - last_ns;
    last_ns = now_ns;
  }
};

/// A shard's timer.  Owner and callback live on the shard; free of allocation once made.
class Timer {
 public:
  Timer() = default;
  Timer(sq_shard* shard, void (*fn)(void*) SQ_NOEXCEPT, void* context)
      : timer_(host.loop->timer_new(shard, fn, context)) {
    if (!timer_) throw std::bad_alloc();
  }
  Timer(Timer&& other) noexcept : timer_(std::exchange(other.timer_, nullptr)) {}
  Timer& operator=(Timer&& other) noexcept {
    std::swap(timer_, other.timer_);
    return *this;
  }
  ~Timer() {
    if (timer_) host.loop->timer_free(timer_);
  }
  explicit operator bool() const { return timer_; }
  void set_at(uint64_t at_ns) { host.loop->timer_set(timer_, at_ns); }
  void disarm() { host.loop->timer_set(timer_, 0); }

 private:
  sq_timer* timer_ = nullptr;
};

/// Readiness of a descriptor that stays the plugin's: reset() before closing it.
class Watch {
 public:
  Watch() = default;
  Watch(sq_shard* shard, const sq_target* peer, int fd, uint32_t events,
        void (*fn)(void*, int, uint32_t) SQ_NOEXCEPT, void* context)
      : watch_(host.fdwatch->watch(shard, peer, fd, events, fn, context)) {}
  Watch(Watch&& other) noexcept : watch_(std::exchange(other.watch_, nullptr)) {}
  Watch& operator=(Watch&& other) noexcept {
    std::swap(watch_, other.watch_);
    return *this;
  }
  ~Watch() { reset(); }
  explicit operator bool() const { return watch_; }
  sq_status modify(uint32_t events) { return host.fdwatch->modify(watch_, events); }
  void reset() {
    if (watch_) host.fdwatch->unwatch(std::exchange(watch_, nullptr));
  }

 private:
  sq_watch* watch_ = nullptr;
};

// ---- the protocol table ------------------------------------------------------------------------

/// The functions of sq_protocol for four classes of the plugin:
///   Instance(std::span<const sq_pair> options)
///   Prepared(Instance&, uint32_t op, std::span<const sq_binding>, const sq_wants&)
///   Shard(Instance&, sq_shard*);   void close(sq_done*): ends with loop.done() and `delete this`
///   Session(Shard&, uint64_t id);  void start(const Prepared&, const sq_value* args, sq_call*);
///     void cancel(sq_call*); sq_status output(const sq_call*, uint32_t index, std::string_view
///     key, sq_value*); void release(sq_call*)
/// A constructor that throws refuses.  A start() that throws must not have completed its call.
template <class Instance, class Prepared, class Shard, class Session>
constexpr sq_protocol protocol(const char* name, const sq_op* const* ops,
                               const sq_param* const* options) {
  struct Thunks {
    static sq_status open(const sq_pair* opts, uint64_t n, void** out, sq_error* error) noexcept {
      return guard(error, [&] { *out = new Instance(std::span(opts, static_cast<size_t>(n))); });
    }
    static void close(void* instance) noexcept { delete static_cast<Instance*>(instance); }
    static sq_status prepare(void* instance, uint32_t op, const sq_binding* bindings, uint32_t n,
                             const sq_wants* wants, void** out, sq_error* error) noexcept {
      return guard(error, [&] {
        *out = new Prepared(*static_cast<Instance*>(instance), op, std::span(bindings, n), *wants);
      });
    }
    static void unprepare(void* prepared) noexcept { delete static_cast<Prepared*>(prepared); }
    static sq_status shard_open(void* instance, sq_shard* shard, void** out,
                                sq_error* error) noexcept {
      return guard(error, [&] { *out = new Shard(*static_cast<Instance*>(instance), shard); });
    }
    static void shard_close(void* shard, sq_done* done) noexcept {
      static_cast<Shard*>(shard)->close(done);
    }
    static sq_status session_open(void* shard, uint64_t id, void** out, sq_error* error) noexcept {
      return guard(error, [&] { *out = new Session(*static_cast<Shard*>(shard), id); });
    }
    static void session_close(void* session) noexcept { delete static_cast<Session*>(session); }
    static void start(void* session, const void* prepared, const sq_value* args, uint32_t,
                      sq_call* call) noexcept {
      try {
        static_cast<Session*>(session)->start(*static_cast<const Prepared*>(prepared), args, call);
      } catch (const std::bad_alloc&) {
        complete(call, SQ_OUT_FAILED, SQ_K_LOCAL_RESOURCE, 0, "ENOMEM");
      } catch (...) {
        complete(call, SQ_OUT_FAILED, SQ_K_PLUGIN, 0, "exception in start");
      }
    }
    static void cancel(void* session, sq_call* call) noexcept {
      static_cast<Session*>(session)->cancel(call);
    }
    static sq_status output(void* session, const sq_call* call, uint32_t index, sq_str key,
                            sq_value* out) noexcept {
      sq_status status = SQ_OK;
      const sq_status thrown = guard(nullptr, [&] {
        status = static_cast<Session*>(session)->output(call, index, view(key), out);
      });
      return thrown == SQ_OK ? status : thrown;
    }
    static void release(void* session, sq_call* call) noexcept {
      static_cast<Session*>(session)->release(call);
    }
  };
  return {sizeof(sq_protocol),
          0,
          name,
          options,
          ops,
          Thunks::open,
          Thunks::close,
          Thunks::prepare,
          Thunks::unprepare,
          Thunks::shard_open,
          Thunks::shard_close,
          Thunks::session_open,
          Thunks::session_close,
          Thunks::start,
          Thunks::cancel,
          Thunks::output,
          Thunks::release};
}
inline constexpr const sq_param* kNoParams[] = {nullptr};

#if defined(__clang__)
#define SQUALL_BUILD_INFO "clang " __clang_version__
#else
#define SQUALL_BUILD_INFO "g++ " __VERSION__
#endif

/// The plugin's one export.  `table` is the constant table of `interface`; `on_init`, `on_fini` are
/// void() functions of the plugin: on_init may throw to refuse, on_fini joins own threads.
#define SQUALL_PLUGIN_ENTRY(interface, id, version, description, license, plugin_flags, table, \
                            on_init, on_fini)                                                  \
  extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void);                          \
  extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) {                         \
    static constexpr sq_plugin kPlugin = {                                                     \
        sizeof(sq_plugin),                                                                     \
        SQ_ABI_MAJOR,                                                                          \
        SQ_TARGET_MINOR,                                                                       \
        id,                                                                                    \
        version,                                                                               \
        description,                                                                           \
        license,                                                                               \
        SQUALL_BUILD_INFO,                                                                     \
        plugin_flags,                                                                          \
        [](const sq_host* root, sq_error* error) noexcept -> sq_status {                       \
          return ::squall::plugin::guard(error, [&] {                                          \
            ::squall::plugin::host.load(root);                                                 \
            on_init();                                                                         \
          });                                                                                  \
        },                                                                                     \
        []() noexcept { ::squall::plugin::guard(nullptr, [] { on_fini(); }); },                \
        [](const char* wanted) noexcept -> const void* {                                       \
          return std::string_view(wanted) == interface ? &table : nullptr;                     \
        }};                                                                                    \
    return &kPlugin;                                                                           \
  }
/// The same for a sq_protocol.
#define SQUALL_PROTOCOL_PLUGIN_WITH(id, version, description, license, plugin_flags, table,   \
                                    on_init, on_fini)                                         \
  SQUALL_PLUGIN_ENTRY(SQ_PROTOCOL_V1, id, version, description, license, plugin_flags, table, \
                      on_init, on_fini)
/// For a plugin that has nothing to do at init and exit.
#define SQUALL_PROTOCOL_PLUGIN(id, version, description, license, table)   \
  SQUALL_PROTOCOL_PLUGIN_WITH(id, version, description, license, 0, table, \
                              ::squall::plugin::nothing, ::squall::plugin::nothing)
inline void nothing() {}

}  // namespace squall::plugin
