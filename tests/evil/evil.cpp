// A protocol plugin that does what none may: an operation for each misbehaviour. What must become of each stands in
// docs/plugins.md, "What happens when a plugin misbehaves", and tests/must_show/evil_plugins.py holds squall to it.
// The bare C tables: the helpers of plugin.hpp would catch some of it.
#include <squall/abi.h>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace {

const sq_host* root = nullptr;
const sq_calls_api* calls = nullptr;
const sq_loop_api* loop = nullptr;
const sq_stream_api* streams = nullptr;
const sq_fdwatch_api* watches = nullptr;
const sq_samples_api* samples = nullptr;
sq_series* series = nullptr;

struct Session;
struct Shard {
  sq_shard* host = nullptr;
  Session* sessions = nullptr;   // all of them, for as long as its timers may fire
  bool is_done_never = false, is_done_twice = false;
};
Shard* never_closed = nullptr;

struct Session {
  Shard* shard = nullptr;
  Session* next = nullptr;
  uint64_t id = 0;
  const sq_target* target = nullptr;
  sq_call* call = nullptr;      // the last one, kept for longer than it may be
  sq_timer* timer = nullptr;
  sq_stream* stream = nullptr;
  int outputs = 0;              // how output() answers
  bool completes_in_release = false, completes_in_close = false, is_deaf = false;
};

void end(sq_call* call, uint32_t outcome = SQ_OUT_OK, uint32_t kind = SQ_K_NONE) {
  call->outcome = outcome;
  call->kind = kind;
  calls->complete(call);
}

/// For the optimizer: not known to be what it is.
template <typename T>
T unknown(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

int recurse(int depth) noexcept {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  return unknown(depth) < 0 ? 0 : recurse(depth + 1) + room[0];
}

[[noreturn]] void throw_later() { throw std::logic_error("thrown later"); }

// ---- what is done with a stream ----

void end_call(void* context, sq_stream*, sq_status, uint32_t, sq_str) noexcept {
  auto& session = *static_cast<Session*>(context);
  session.stream = nullptr;
  if (sq_call* call = std::exchange(session.call, nullptr)) end(call, SQ_OUT_FAILED, SQ_K_PLUGIN);
}
void greet(void* context, sq_stream* stream, const sq_stream_info*) noexcept {
  static const sq_buf hello{"hello\n", 6};
  streams->write(stream, &hello, 1, context);
}
uint64_t take_more(void*, sq_stream*, const uint8_t*, uint64_t size) noexcept { return size + 1; }
uint64_t take_all(void*, sq_stream*, const uint8_t*, uint64_t size) noexcept { return size; }
void close_twice(void*, sq_stream* stream, const sq_stream_info*) noexcept {
  streams->close(stream);
  streams->close(stream);
}
void use_it_later(void* context, sq_stream* stream, sq_status, uint32_t, sq_str) noexcept {
  auto& session = *static_cast<Session*>(context);
  static const sq_buf hello{"hello\n", 6};
  streams->close(stream);
  streams->write(stream, &hello, 1, nullptr);
  end(session.call);
}
void complete_it(void* context, sq_stream*, const sq_stream_info*) noexcept {
  end(std::exchange(static_cast<Session*>(context)->call, nullptr));
}
void forget_it(void*, sq_stream*, sq_status, uint32_t, sq_str) noexcept {}

constexpr sq_stream_events kGreedy{sizeof(sq_stream_events), 0, greet, take_more, nullptr, end_call};
constexpr sq_stream_events kTwice{sizeof(sq_stream_events), 0, close_twice, take_all, nullptr, use_it_later};
constexpr sq_stream_events kLeft{sizeof(sq_stream_events), 0, complete_it, take_all, nullptr, forget_it};

void connect(Session& session, sq_call* call, const sq_stream_events& events) {
  sq_connect_opts options{};
  options.struct_size = sizeof(options);
  options.session = session.id;
  if (streams->connect(session.shard->host, session.target, &options, &events, &session, &session.stream) != SQ_OK) {
    end(call, SQ_OUT_FAILED, SQ_K_CONNECT);
  }
}

void after(Session& session, uint64_t ns, void (*what)(void*) noexcept) {
  session.timer = loop->timer_new(session.shard->host, what, &session);
  loop->timer_set(session.timer, loop->now_ns(session.shard->host) + ns);
}

// ---- the operations ----

struct Evil {
  const char* name;
  const char* doc;
  void (*act)(Session&, sq_call*);
};

constexpr uint64_t kMs = 1'000'000;

const Evil kEvils[] = {
    {"well", "does as it should", [](Session&, sq_call* call) { end(call); }},
    {"throws", "an exception leaves start", [](Session&, sq_call*) { throw std::runtime_error("thrown on purpose"); }},
    {"throws_int", "what is thrown is no exception", [](Session&, sq_call*) { throw 42; }},
    {"throws_later", "an exception leaves a timer's callback",
     [](Session& session, sq_call*) { after(session, kMs, [](void*) noexcept { throw_later(); }); }},
    {"nonsense", "an outcome and a kind that do not exist", [](Session&, sq_call* call) { end(call, 77, 99); }},
    {"null_detail", "a detail of NULL with a length",
     [](Session&, sq_call* call) { call->detail = {nullptr, 12}; end(call, SQ_OUT_FAILED, SQ_K_PROTOCOL); }},
    {"huge_detail", "a detail of a tebibyte",
     [](Session&, sq_call* call) { call->detail = {"x", uint64_t{1} << 40}; end(call, SQ_OUT_FAILED, SQ_K_PROTOCOL); }},
    {"wild_detail", "a detail where nothing is",
     [](Session&, sq_call* call) {
       call->detail = {unknown(reinterpret_cast<const char*>(16)), 32};
       end(call, SQ_OUT_FAILED, SQ_K_PROTOCOL);
     }},
    {"odd_output", "an output of an unknown type", [](Session& session, sq_call* call) { session.outputs = 1; end(call); }},
    {"null_output", "an output of NULL with a length", [](Session& session, sq_call* call) { session.outputs = 2; end(call); }},
    {"huge_output", "an output of 8 GiB", [](Session& session, sq_call* call) { session.outputs = 3; end(call); }},
    {"twice", "completes twice", [](Session&, sq_call* call) { end(call); calls->complete(call); }},
    {"never", "never completes, whoever cancels", [](Session& session, sq_call*) { session.is_deaf = true; }},
    {"too_late", "completes long after the answer to cancel was due",
     [](Session& session, sq_call* call) {
       session.is_deaf = true;
       session.call = call;
       after(session, 600 * kMs, [](void* own) noexcept { end(static_cast<Session*>(own)->call); });
     }},
    {"stale", "completes in release, and again when another may have the call",
     [](Session& session, sq_call* call) {
       session.completes_in_release = true;
       session.call = call;
       end(call);
       after(session, 20 * kMs, [](void* own) noexcept { calls->complete(static_cast<Session*>(own)->call); });
     }},
    {"after_session", "completes in session_close",
     [](Session& session, sq_call* call) { session.completes_in_close = true; session.call = call; end(call); }},
    {"foreign", "completes from a thread of its own", [](Session&, sq_call* call) { std::thread([call] { end(call); }).join(); }},
    {"foreign_timer", "makes a timer from a thread of its own",
     [](Session& session, sq_call* call) {
       std::thread([&session] { session.timer = loop->timer_new(session.shard->host, [](void*) noexcept {}, nullptr); }).join();
       end(call);
     }},
    {"greedy", "on_data takes more than it is shown",
     [](Session& session, sq_call* call) { session.call = call; connect(session, call, kGreedy); }},
    {"closes_twice", "closes a stream twice and writes after on_closed",
     [](Session& session, sq_call* call) { session.call = call; connect(session, call, kTwice); }},
    {"leaves_stream", "leaves a stream open", [](Session& session, sq_call* call) { session.call = call; connect(session, call, kLeft); }},
    {"leaves_timer", "never frees a timer",
     [](Session& session, sq_call* call) { after(session, 3'600'000 * kMs, [](void*) noexcept {}); end(call); }},
    {"leaves_watch", "leaves a descriptor watched",
     [](Session& session, sq_call* call) {
       static const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
       static const bool is_watched = watches->watch(session.shard->host, nullptr, event, SQ_FD_READ,
                                                     [](void*, int, uint32_t) noexcept {}, nullptr) != nullptr;
       end(call, is_watched ? SQ_OUT_OK : SQ_OUT_FAILED, is_watched ? SQ_K_NONE : SQ_K_PLUGIN);
     }},
    {"frees_twice", "sets and frees a timer that it has freed",
     [](Session& session, sq_call* call) {
       sq_timer* timer = loop->timer_new(session.shard->host, [](void*) noexcept {}, nullptr);
       loop->timer_free(timer);
       loop->timer_set(timer, 1);
       loop->timer_free(timer);
       end(call);
     }},
    {"blocks", "sleeps for EVIL_BLOCK_S",
     [](Session&, sq_call* call) {
       const char* wish = std::getenv("EVIL_BLOCK_S");
       std::this_thread::sleep_for(std::chrono::seconds(wish ? std::atoi(wish) : 2));
       end(call);
     }},
    {"exits", "calls exit(3)", [](Session&, sq_call*) { std::exit(3); }},
    {"exits_beside", "calls exit(4) on a thread of its own",
     [](Session&, sq_call*) { std::thread([] { std::exit(4); }).detach(); }},
    {"aborts", "calls abort()", [](Session&, sq_call*) { std::abort(); }},
    {"crashes", "writes to where nothing is", [](Session&, sq_call*) { *unknown(reinterpret_cast<volatile int*>(8)) = 1; }},
    {"crashes_later", "the same in a timer's callback",
     [](Session& session, sq_call*) {
       after(session, kMs, [](void*) noexcept { *unknown(reinterpret_cast<volatile int*>(8)) = 1; });
     }},
    {"crashes_beside", "the same on a thread of its own",
     [](Session&, sq_call*) { std::thread([] { *unknown(reinterpret_cast<volatile int*>(8)) = 1; }).detach(); }},
    {"recurses", "calls itself for ever", [](Session&, sq_call* call) { call->code = recurse(0); }},
    {"completes_null", "completes NULL", [](Session&, sq_call*) { calls->complete(unknown(static_cast<sq_call*>(nullptr))); }},
    {"breaks_heap", "frees memory twice",
     [](Session&, sq_call*) {
       void* memory = unknown(std::malloc(2000));
       void* same = unknown(memory);
       std::free(memory);
       std::free(same);
     }},
    {"leaks_files", "opens a file and forgets it",
     [](Session&, sq_call* call) { static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC)); end(call); }},
    {"sets_locale", "changes the locale", [](Session&, sq_call* call) { std::setlocale(LC_ALL, "C.UTF-8"); end(call); }},
    {"phases", "phases longer than the call",
     [](Session&, sq_call* call) { call->phase_ns[SQ_PH_CONNECT] = 3'600'000 * kMs; end(call); }},
    {"many_phases", "phases whose sum is no number",
     [](Session&, sq_call* call) { for (uint64_t& phase : call->phase_ns) phase = UINT64_MAX; end(call); }},
    {"future", "ends in an hour",
     [](Session& session, sq_call* call) { call->end_ns = loop->now_ns(session.shard->host) + 3'600'000 * kMs; end(call); }},
    {"past", "ended before it began", [](Session&, sq_call* call) { call->end_ns = 1; end(call); }},
    {"first_byte", "a first byte before its begin", [](Session&, sq_call* call) { call->first_byte_ns = 1; end(call); }},
    {"bytes", "more bytes than there are", [](Session&, sq_call* call) { call->bytes_in = UINT64_MAX; end(call); }},
    {"progress", "progress by more bytes than there are",
     [](Session&, sq_call* call) { calls->progress(call, UINT64_MAX, 0); end(call); }},
    {"strange_sample", "a sample of an unknown session",
     [](Session& session, sq_call* call) {
       samples->record(session.shard->host, UINT64_MAX, series, 1, 2, SQ_OUT_OK, SQ_K_NONE, 0);
       samples->record(session.shard->host, session.id + 1'000'000, series, 1, 2, SQ_OUT_OK, SQ_K_NONE, 0);
       samples->count(session.shard->host, UINT64_MAX, series, 1);
       end(call);
     }},
    {"future_sample", "a sample that ends in years",
     [](Session& session, sq_call* call) {
       samples->record(session.shard->host, session.id, series, 1, UINT64_MAX / 2, SQ_OUT_OK, SQ_K_NONE, 0);
       end(call);
     }},
    {"odd_sample", "a sample with an outcome that does not exist",
     [](Session& session, sq_call* call) {
       samples->record(session.shard->host, session.id, series, 1, 2, 7, 99, UINT64_MAX);
       end(call);
     }},
    {"logs_nothing", "logs NULL with a length",
     [](Session&, sq_call* call) { root->log(root, SQ_LOG_WARN, {nullptr, UINT64_MAX}); end(call); }},
    {"never_done", "its shard_close is never done", [](Session& session, sq_call* call) { session.shard->is_done_never = true; end(call); }},
    {"done_twice", "its shard_close is done twice", [](Session& session, sq_call* call) { session.shard->is_done_twice = true; end(call); }},
    {"no_session", "says that it has opened a session, and gives none", [](Session&, sq_call* call) { end(call); }},
    {"slow_shard", "shard_open sleeps for two seconds", [](Session&, sq_call* call) { end(call); }},
    {"no_shard", "shard_open fails without a word", [](Session&, sq_call* call) { end(call); }},
    {"no_step", "prepare fails without a word", [](Session&, sq_call* call) { end(call); }},
};
constexpr std::size_t kCount = std::size(kEvils);

struct Prepared {
  const Evil* evil;
  const sq_target* target;
};

// What a plugin is told in prepare decides how the functions before start behave.
bool has_no_session = false, has_slow_shard = false, has_no_shard = false;

constexpr sq_param kWord{sizeof(sq_param), SQ_T_STR, 0, SQ_U_NONE, "word", "a word", nullptr, nullptr};
constexpr const sq_param* kOutputs[] = {&kWord, nullptr};
constexpr const sq_param* kNone[] = {nullptr};
sq_op operations[kCount];
const sq_op* operation_list[kCount + 1];

sq_status open_instance(const sq_pair*, uint64_t, void** instance, sq_error*) noexcept {
  *instance = operations;
  return SQ_OK;
}
void close_instance(void*) noexcept {}
sq_status prepare(void*, uint32_t op, const sq_binding* bindings, uint32_t n, const sq_wants*, void** prepared, sq_error*) noexcept {
  const std::string_view name = kEvils[op].name;
  has_no_session |= name == "no_session";
  has_slow_shard |= name == "slow_shard";
  has_no_shard |= name == "no_shard";
  if (name == "no_step") return SQ_E_INVALID;
  auto* made = new Prepared{&kEvils[op], nullptr};
  for (uint32_t i = 0; i < n; ++i) {
    if (bindings[i].param == SQ_PARAM_TO && bindings[i].slot < 0) made->target = bindings[i].value.u.target;
  }
  *prepared = made;
  return SQ_OK;
}
void unprepare(void* prepared) noexcept { delete static_cast<Prepared*>(prepared); }

sq_status shard_open(void*, sq_shard* host, void** shard, sq_error*) noexcept {
  if (has_no_shard) return SQ_E_INTERNAL;
  if (has_slow_shard) std::this_thread::sleep_for(std::chrono::seconds(2));
  *shard = new Shard{host};
  return SQ_OK;
}
void shard_close(void* own, sq_done* done) noexcept {
  auto* shard = static_cast<Shard*>(own);
  if (shard->is_done_never) {
    never_closed = shard;
    return;
  }
  const bool is_twice = shard->is_done_twice;
  while (shard->sessions) delete std::exchange(shard->sessions, shard->sessions->next);
  delete shard;
  loop->done(done, SQ_OK, {"", 0});
  if (is_twice) loop->done(done, SQ_OK, {"", 0});
}
sq_status session_open(void* shard, uint64_t id, void** session, sq_error*) noexcept {
  if (has_no_session) return SQ_OK;
  auto* made = new Session;
  made->shard = static_cast<Shard*>(shard);
  made->id = id;
  made->next = std::exchange(made->shard->sessions, made);
  *session = made;
  return SQ_OK;
}
void session_close(void* own) noexcept {
  auto* session = static_cast<Session*>(own);
  if (session->completes_in_close) calls->complete(session->call);
}
void start(void* session, const void* prepared, const sq_value*, uint32_t, sq_call* call) noexcept {
  const auto& own = *static_cast<const Prepared*>(prepared);
  static_cast<Session*>(session)->target = own.target;
  own.evil->act(*static_cast<Session*>(session), call);
}
void cancel(void* own, sq_call* call) noexcept {
  if (!static_cast<Session*>(own)->is_deaf) end(call, SQ_OUT_CANCELLED);
}
sq_status output(void* own, const sq_call*, uint32_t index, sq_str, sq_value* out) noexcept {
  if (index != 0) return SQ_E_INVALID;
  switch (static_cast<Session*>(own)->outputs) {
    case 1: out->type = 99; break;
    case 2: out->type = SQ_T_STR; out->u.str = {nullptr, 10}; break;
    case 3: out->type = SQ_T_STR; out->u.str = {"x", uint64_t{8} << 30}; break;
    default: out->type = SQ_T_STR; out->u.str = {"word", 4};
  }
  return SQ_OK;
}
void release(void* own, sq_call* call) noexcept {
  if (static_cast<Session*>(own)->completes_in_release) calls->complete(call);
}

const sq_protocol kProtocol{sizeof(sq_protocol), 0, "evil", kNone, operation_list, open_instance, close_instance, prepare,
                            unprepare, shard_open, shard_close, session_open, session_close, start, cancel, output, release};

template <typename Table>
void get(const Table*& table, const char* id) {
  table = static_cast<const Table*>(root->get_extension(root, id, sizeof(Table)));
}

sq_status init(const sq_host* host, sq_error* error) noexcept {
  root = host;
  get(calls, SQ_CALLS_V1);
  get(loop, SQ_LOOP_V1);
  get(streams, SQ_STREAM_V1);
  get(watches, SQ_FDWATCH_V1);
  get(samples, SQ_SAMPLES_V1);
  if (!calls || !loop || !streams || !watches || !samples) {
    std::strcpy(error->text, "the host lacks a table");
    return SQ_E_UNSUPPORTED;
  }
  series = samples->series({"evil.sample", 11}, {"sample", 6});
  for (std::size_t i = 0; i < kCount; ++i) {
    operations[i] = {sizeof(sq_op), 0, kEvils[i].name, kEvils[i].doc, kNone, kOutputs, 200 * kMs, nullptr, 0, 0};
    operation_list[i] = &operations[i];
  }
  return SQ_OK;
}
void fini() noexcept {}
const void* get_interface(const char* id) noexcept { return std::string_view(id) == SQ_PROTOCOL_V1 ? &kProtocol : nullptr; }

const sq_plugin kPlugin{sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "org.example.evil", "1", "does what none may", "-", "",
                        SQ_PLUGIN_OWN_THREADS, init, fini, get_interface};

}  // namespace

extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void);
extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) { return &kPlugin; }
