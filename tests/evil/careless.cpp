// A protocol, an output and tasks that are careless: an operation, option or task for each rule that goes unseen, or is
// undefined, until plugins are checked. What --check-plugins says of each stands in tests/must_show/checked_plugins.py.
// The bare C tables: the helpers of the SDK would not let most of it happen.
#include <squall/abi.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <utility>

namespace {

const sq_host* root = nullptr;
const sq_calls_api* calls = nullptr;
const sq_loop_api* loop = nullptr;
const sq_stream_api* streams = nullptr;
const sq_dgram_api* datagrams = nullptr;
const sq_fdwatch_api* watches = nullptr;
const sq_target_api* targets = nullptr;
const sq_source_api* sources = nullptr;
const sq_samples_api* samples = nullptr;
const sq_users_api* users = nullptr;
const sq_records_api* records = nullptr;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kLine = 1000;   // bytes, the newline among them

/// Reads what may not be there any more.
void look(const void* where) {
  if (where) static_cast<void>(*static_cast<const volatile char*>(where));
}

struct Prepared;
struct Session {
  sq_shard* shard = nullptr;
  const Prepared* prepared = nullptr;
  sq_call* call = nullptr;
  const void* kept = nullptr;       // a view of the host's
  sq_stream* stream = nullptr;
  sq_dgram* socket = nullptr;
  sq_timer* timer = nullptr;
  sq_watch* watch = nullptr;
  sq_post post{};
  uint64_t bytes = 0, shows = 0;    // of a stream
  int tries = 0;
  char text[16] = "word";
};

struct Prepared {
  const struct Careless* what;
  const sq_target* target = nullptr;
  const void* bindings = nullptr;
  const void* wants = nullptr;
};

const void* kept_options = nullptr;   // of open()
char line[kLine];

void end(Session& session, uint32_t outcome = SQ_OUT_OK, uint32_t kind = SQ_K_NONE) {
  sq_call* const call = std::exchange(session.call, nullptr);
  if (!call) return;
  call->outcome = outcome;
  call->kind = kind;
  calls->complete(call);
}
Session& of(void* context) { return *static_cast<Session*>(context); }

void after(Session& session, uint64_t ns, void (*what)(void*) noexcept) {
  session.timer = loop->timer_new(session.shard, what, &session);
  loop->timer_set(session.timer, loop->now_ns(session.shard) + ns);
}
void end_after(void* context) noexcept {
  loop->timer_free(std::exchange(of(context).timer, nullptr));
  end(of(context));
}

// ---- streams ----

void send_line(void* context, sq_stream* stream, const sq_stream_info*) noexcept {
  static const sq_buf buffer{line, kLine};
  streams->write(stream, &buffer, 1, context);
}
void end_call(void* context, sq_stream*, sq_status, uint32_t, sq_str) noexcept { end(of(context)); }

/// A parser of messages of ten bytes, which takes whole ones alone and knows what must be in them.
uint64_t parse(void* context, sq_stream* stream, const uint8_t* data, uint64_t size) noexcept {
  Session& session = of(context);
  ++session.shows;
  uint64_t taken = 0;
  while (size - taken >= 10) {
    if (std::memcmp(data + taken, line + session.bytes, 10) != 0) end(session, SQ_OUT_FAILED, SQ_K_PROTOCOL);
    taken += 10;
    session.bytes += 10;
  }
  if (session.bytes == kLine) streams->shutdown(stream);
  return taken;
}
/// The same, with a pause after each message.
uint64_t parse_with_pauses(void* context, sq_stream* stream, const uint8_t* data, uint64_t size) noexcept {
  Session& session = of(context);
  const uint64_t taken = parse(context, stream, data, size < 10 ? size : 10);
  if (taken > 0 && session.bytes < kLine) {
    streams->read_enable(stream, 0);
    if (!session.timer) session.timer = loop->timer_new(session.shard, [](void* own) noexcept { streams->read_enable(of(own).stream, 1); }, &session);
    loop->timer_set(session.timer, loop->now_ns(session.shard) + kMs / 10);
  }
  return taken;
}
void end_with_timer(void* context, sq_stream*, sq_status, uint32_t, sq_str) noexcept {
  if (sq_timer* timer = std::exchange(of(context).timer, nullptr)) loop->timer_free(timer);
  end(of(context));
}
uint64_t keep_bytes(void* context, sq_stream* stream, const uint8_t* data, uint64_t size) noexcept {
  look(of(context).kept);
  of(context).kept = data;
  if ((of(context).bytes += size) == kLine) streams->close(stream);
  return size;
}
void keep_info(void* context, sq_stream* stream, const sq_stream_info* info) noexcept {
  of(context).kept = info->peer.ptr;
  send_line(context, stream, info);
}
uint64_t look_and_close(void* context, sq_stream* stream, const uint8_t*, uint64_t size) noexcept {
  look(of(context).kept);
  streams->close(stream);
  return size;
}
void keep_detail(void* context, sq_stream*, sq_status, uint32_t, sq_str detail) noexcept {
  of(context).kept = detail.ptr;
  after(of(context), kMs, [](void* own) noexcept {
    look(of(own).kept);
    end_after(own);
  });
}
uint64_t finish(void*, sq_stream* stream, const uint8_t*, uint64_t size) noexcept {
  streams->shutdown(stream);
  return size;
}
void send_nothing(void* context, sq_stream* stream, const sq_stream_info*) noexcept {
  const sq_buf nothing{nullptr, 4};
  streams->write(stream, &nothing, 1, context);
  streams->close(stream);
}
void send_too_much(void* context, sq_stream* stream, const sq_stream_info*) noexcept {
  static const sq_buf buffers[65]{};
  streams->write(stream, buffers, 65, context);
  streams->close(stream);
}

constexpr sq_stream_events kParses{sizeof(sq_stream_events), 0, send_line, parse, nullptr, end_call};
constexpr sq_stream_events kPauses{sizeof(sq_stream_events), 0, send_line, parse_with_pauses, nullptr, end_with_timer};
constexpr sq_stream_events kKeepsBytes{sizeof(sq_stream_events), 0, send_line, keep_bytes, nullptr, end_call};
constexpr sq_stream_events kKeepsInfo{sizeof(sq_stream_events), 0, keep_info, look_and_close, nullptr, end_call};
constexpr sq_stream_events kKeepsDetail{sizeof(sq_stream_events), 0, send_line, finish, nullptr, keep_detail};
constexpr sq_stream_events kSendsNothing{sizeof(sq_stream_events), 0, send_nothing, finish, nullptr, end_call};
constexpr sq_stream_events kSendsTooMuch{sizeof(sq_stream_events), 0, send_too_much, finish, nullptr, end_call};
constexpr sq_stream_events kShort{8, 0, send_line, parse, nullptr, end_call};
constexpr sq_stream_events kFlagged{sizeof(sq_stream_events), 1, send_line, parse, nullptr, end_call};
constexpr sq_stream_events kDeaf{sizeof(sq_stream_events), 0, send_line, nullptr, nullptr, end_call};

void connect(Session& session, const sq_stream_events* events, uint32_t flags = 0) {
  sq_connect_opts options{};
  options.struct_size = sizeof(options);
  options.flags = flags;
  session.bytes = session.shows = 0;
  session.kept = nullptr;
  if (streams->connect(session.shard, session.prepared->target, &options, events, &session, &session.stream) != SQ_OK) end(session);
}

// ---- datagrams ----

void keep_packets(void* context, sq_dgram* socket, const sq_buf* packets, uint32_t) noexcept {
  Session& session = of(context);
  look(session.kept);
  session.kept = packets[0].ptr;
  if (++session.tries < 2) return static_cast<void>(datagrams->send(socket, packets, 1));
  datagrams->close(socket);
  end(session);
}
void ignore_packets(void*, sq_dgram*, const sq_buf*, uint32_t) noexcept {}
constexpr sq_dgram_events kKeepsPackets{sizeof(sq_dgram_events), 0, nullptr, keep_packets, nullptr};
constexpr sq_dgram_events kIgnores{sizeof(sq_dgram_events), 0, nullptr, ignore_packets, nullptr};

bool open_socket(Session& session, const sq_dgram_events* events) {
  session.tries = 0;
  session.kept = nullptr;
  if (datagrams->open(session.shard, session.prepared->target, 0, events, &session, &session.socket) == SQ_OK) return true;
  end(session);
  return false;
}

// ---- the operations ----

struct Careless {
  const char* name;
  const char* doc;
  void (*act)(Session&, const sq_value* args);
};

void do_nothing(void*) noexcept {}
void ignore_descriptor(void*, int, uint32_t) noexcept {}

int descriptor() {
  static const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return event;
}

const Careless kOperations[] = {
    {"well", "does as it should", [](Session& s, const sq_value*) { end(s); }},
    {"parses", "takes whole messages of a stream", [](Session& s, const sq_value*) { connect(s, &kParses); }},
    {"pauses", "takes one message at a time", [](Session& s, const sq_value*) { connect(s, &kPauses); }},
    // What is lent.
    {"keeps_options", "reads what open was given", [](Session& s, const sq_value*) { look(kept_options); end(s); }},
    {"keeps_bindings", "reads what prepare was given", [](Session& s, const sq_value*) { look(s.prepared->bindings); end(s); }},
    {"keeps_wants", "reads the wants of prepare", [](Session& s, const sq_value*) { look(s.prepared->wants); end(s); }},
    {"keeps_args", "reads its arguments after complete",
     [](Session& s, const sq_value* args) {
       s.kept = args[0].u.str.ptr;
       end(s);
       look(s.kept);
     }},
    {"keeps_key", "reads the key of an output in release", [](Session& s, const sq_value*) { end(s); }},
    {"keeps_bytes", "reads bytes of the on_data before", [](Session& s, const sq_value*) { connect(s, &kKeepsBytes); }},
    {"keeps_info", "reads the info of on_open in on_data", [](Session& s, const sq_value*) { connect(s, &kKeepsInfo); }},
    {"keeps_detail", "reads the detail of on_closed later", [](Session& s, const sq_value*) { connect(s, &kKeepsDetail); }},
    {"keeps_packets", "reads packets of the on_receive before",
     [](Session& s, const sq_value*) {
       const sq_buf hello{line, 10};
       if (open_socket(s, &kKeepsPackets)) datagrams->send(s.socket, &hello, 1);
     }},
    {"keeps_addresses", "reads the answer of resolve later",
     [](Session& s, const sq_value*) {
       targets->resolve(s.shard, s.prepared->target, [](void* own, sq_status, sq_str text) noexcept {
         of(own).kept = text.ptr;
         after(of(own), kMs, [](void* again) noexcept {
           look(of(again).kept);
           end_after(again);
         });
       }, &s);
     }},
    {"keeps_tls", "reads what tls gave before the last",
     [](Session& s, const sq_value*) {
       const sq_tls_info* const first = targets->tls(s.prepared->target, 0);
       targets->tls(s.prepared->target, 0);
       look(first);
       end(s);
     }},
    // What the host is given.
    {"null_call", "completes no call", [](Session& s, const sq_value*) { calls->complete(nullptr); end(s); }},
    {"null_progress", "progress of no call", [](Session& s, const sq_value*) { calls->progress(nullptr, 1, 1); end(s); }},
    {"null_shard", "a timer on no shard", [](Session& s, const sq_value*) { loop->timer_new(nullptr, do_nothing, nullptr); end(s); }},
    {"null_timer", "sets no timer", [](Session& s, const sq_value*) { loop->timer_set(nullptr, 1); end(s); }},
    {"stale_timer", "frees a timer whose place another has",
     [](Session& s, const sq_value*) {
       sq_timer* const first = loop->timer_new(s.shard, do_nothing, nullptr);
       loop->timer_free(first);
       after(s, kMs, end_after);
       loop->timer_set(first, loop->now_ns(s.shard) + 2 * kMs);
     }},
    {"null_post", "posts nothing", [](Session& s, const sq_value*) { loop->post(s.shard, nullptr); end(s); }},
    {"empty_post", "posts a node without a function",
     [](Session& s, const sq_value*) { s.post = {}; loop->post(s.shard, &s.post); end(s); }},
    {"posts_twice", "posts a node that is queued",
     [](Session& s, const sq_value*) {
       s.post = {{}, [](void* own) noexcept { end(of(own)); }, &s};
       loop->post(s.shard, &s.post);
       loop->post(s.shard, &s.post);
     }},
    {"odd_events", "watches for what does not exist",
     [](Session& s, const sq_value*) {
       if (sq_watch* watch = watches->watch(s.shard, nullptr, descriptor(), SQ_FD_READ | 0x80u, ignore_descriptor, nullptr)) watches->unwatch(watch);
       end(s);
     }},
    {"unwatches_twice", "ends a watch that has ended",
     [](Session& s, const sq_value*) {
       sq_watch* const watch = watches->watch(s.shard, nullptr, descriptor(), SQ_FD_READ, ignore_descriptor, nullptr);
       watches->unwatch(watch);
       watches->unwatch(watch);
       end(s);
     }},
    {"null_events", "connects without events", [](Session& s, const sq_value*) { connect(s, nullptr); }},
    {"short_events", "connects with events that are too short", [](Session& s, const sq_value*) { connect(s, &kShort); }},
    {"odd_flags", "connects with events that have flags", [](Session& s, const sq_value*) { connect(s, &kFlagged); }},
    {"deaf_events", "connects without on_data", [](Session& s, const sq_value*) { connect(s, &kDeaf); }},
    {"odd_options", "connects with an unknown flag", [](Session& s, const sq_value*) { connect(s, &kParses, 1u << 30); }},
    {"null_buffer", "writes NULL with a length", [](Session& s, const sq_value*) { connect(s, &kSendsNothing); }},
    {"many_buffers", "writes more buffers than may be", [](Session& s, const sq_value*) { connect(s, &kSendsTooMuch); }},
    {"null_stream", "closes no stream", [](Session& s, const sq_value*) { streams->close(nullptr); end(s); }},
    {"closes_socket_twice", "closes a socket that is closed",
     [](Session& s, const sq_value*) {
       if (!open_socket(s, &kIgnores)) return;
       datagrams->close(s.socket);
       datagrams->close(s.socket);
       end(s);
     }},
    {"sends_after_close", "sends on a socket that is closed",
     [](Session& s, const sq_value*) {
       const sq_buf hello{line, 10};
       if (!open_socket(s, &kIgnores)) return;
       datagrams->close(s.socket);
       datagrams->send(s.socket, &hello, 1);
       end(s);
     }},
    {"null_target", "asks about no target", [](Session& s, const sq_value*) { targets->info(nullptr); end(s); }},
    {"null_answer", "resolves for nobody",
     [](Session& s, const sq_value*) { targets->resolve(s.shard, s.prepared->target, nullptr, &s); end(s); }},
    {"null_source", "asks for the size of no source", [](Session& s, const sq_value*) { sources->size(nullptr); end(s); }},
    {"null_name", "a series with a name of NULL", [](Session& s, const sq_value*) { samples->series({nullptr, 5}, {"x", 1}); end(s); }},
    {"null_series", "counts in no series", [](Session& s, const sq_value*) { samples->count(s.shard, 0, nullptr, 1); end(s); }},
    // What it answers.
    {"odd_status", "output answers 7", [](Session& s, const sq_value*) { end(s); }},
    {"odd_type", "an output of another type than it is described with", [](Session& s, const sq_value*) { end(s); }},
    {"wild_output", "an output where nothing is", [](Session& s, const sq_value*) { end(s); }},
    {"odd_prepare", "prepare answers 7", [](Session& s, const sq_value*) { end(s); }},
    {"null_prepared", "prepare says SQ_OK and gives nothing", [](Session& s, const sq_value*) { end(s); }},
    {"endless_error", "the error of prepare has no end", [](Session& s, const sq_value*) { end(s); }},
    {"odd_session", "session_open answers 7", [](Session& s, const sq_value*) { end(s); }},
    {"wrong_answer", "answers shard_close as if it were a write", [](Session& s, const sq_value*) { end(s); }},
};
constexpr std::size_t kCount = std::size(kOperations);
bool has_odd_session = false, has_wrong_answer = false;

constexpr sq_param kText{sizeof(sq_param), SQ_T_STR, 0, SQ_U_NONE, "text", "a text", nullptr, nullptr};
constexpr sq_param kWord{sizeof(sq_param), SQ_T_STR, 0, SQ_U_NONE, "word", "a word", nullptr, nullptr};
constexpr sq_param kBytes{sizeof(sq_param), SQ_T_I64, 0, SQ_U_NONE, "bytes", "bytes of the stream", nullptr, nullptr};
constexpr sq_param kShows{sizeof(sq_param), SQ_T_I64, 0, SQ_U_NONE, "shows", "how often it was shown some", nullptr, nullptr};
constexpr const sq_param* kParams[] = {&kText, nullptr};
constexpr const sq_param* kOutputs[] = {&kWord, &kBytes, &kShows, nullptr};
sq_op operations[kCount];
const sq_op* operation_list[kCount + 1];

sq_status open_instance(const sq_pair* options, uint64_t, void** instance, sq_error*) noexcept {
  kept_options = options;
  *instance = operations;
  return SQ_OK;
}
void close_instance(void*) noexcept {}
sq_status prepare(void*, uint32_t op, const sq_binding* bindings, uint32_t n, const sq_wants* wants, void** prepared, sq_error* error) noexcept {
  const std::string_view name = kOperations[op].name;
  has_odd_session |= name == "odd_session";
  has_wrong_answer |= name == "wrong_answer";
  if (name == "null_prepared") return SQ_OK;
  if (name == "endless_error") {
    std::memset(error->text, 'x', sizeof(error->text));
    return SQ_E_INVALID;
  }
  auto* const made = new Prepared{&kOperations[op], nullptr, bindings, wants};
  for (uint32_t i = 0; i < n; ++i) {
    if (bindings[i].param == SQ_PARAM_TO && bindings[i].slot < 0) made->target = bindings[i].value.u.target;
  }
  *prepared = made;
  return name == "odd_prepare" ? 7 : SQ_OK;
}
void unprepare(void* prepared) noexcept { delete static_cast<Prepared*>(prepared); }
sq_status shard_open(void*, sq_shard* host, void** shard, sq_error*) noexcept {
  *shard = host;
  return SQ_OK;
}
void shard_close(void*, sq_done* done) noexcept {
  if (has_wrong_answer) loop->written(done, nullptr);
  loop->done(done, SQ_OK, {"", 0});
}
sq_status session_open(void* shard, uint64_t, void** session, sq_error*) noexcept {
  auto* const made = new Session;
  made->shard = static_cast<sq_shard*>(shard);
  *session = made;
  return has_odd_session ? 7 : SQ_OK;
}
void session_close(void* session) noexcept { delete static_cast<Session*>(session); }
void start(void* own, const void* prepared, const sq_value* args, uint32_t, sq_call* call) noexcept {
  Session& session = of(own);
  session.prepared = static_cast<const Prepared*>(prepared);
  session.call = call;
  session.prepared->what->act(session, args);
}
void cancel(void* session, sq_call* call) noexcept {
  of(session).call = call;
  end(of(session), SQ_OUT_CANCELLED);
}
sq_status output(void* own, const sq_call*, uint32_t index, sq_str key, sq_value* out) noexcept {
  Session& session = of(own);
  const std::string_view name = session.prepared->what->name;
  if (name == "keeps_key") session.kept = key.ptr;
  if (name == "odd_status") return 7;
  out->type = SQ_T_I64;
  if (index == 1 || index == 2) {
    out->u.u64 = index == 1 ? session.bytes : session.shows;
    return SQ_OK;
  }
  if (name == "odd_type") return SQ_OK;
  out->type = SQ_T_STR;
  out->u.str = {session.text, 4};
  asm volatile("" : "+r"(out));
  if (name == "wild_output") out->u.str.ptr = reinterpret_cast<const char*>(16);
  return SQ_OK;
}
void release(void* session, sq_call*) noexcept { look(std::exchange(of(session).kept, nullptr)); }

constexpr sq_param kNote{sizeof(sq_param), SQ_T_STR, 0, SQ_U_NONE, "note", "what it is told", nullptr, nullptr};
constexpr const sq_param* kOptions[] = {&kNote, nullptr};
const sq_protocol kProtocol{sizeof(sq_protocol), 0, "careless", kOptions, operation_list, open_instance, close_instance, prepare,
                            unprepare, shard_open, shard_close, session_open, session_close, start, cancel, output, release};

// ---- the output: its option says what it does ----

struct Output {
  char what[32] = {};
  const void* kept = nullptr;
  bool is(std::string_view name) const { return name == what; }
};

sq_status output_open(sq_shard*, const sq_pair* options, uint64_t n, void** instance, sq_error*) noexcept {
  auto* const made = new Output;
  if (n > 0 && options[0].value.u.str.len < sizeof(made->what)) {
    std::memcpy(made->what, options[0].value.u.str.ptr, options[0].value.u.str.len);
  }
  if (made->is("keeps_options")) made->kept = options;
  if (made->is("null_output")) delete made;
  else *instance = made;
  return SQ_OK;
}
void output_write(void* instance, const sq_batch* batch, sq_done* done) noexcept {
  auto& own = *static_cast<Output*>(instance);
  if (!own.is("keeps_to_close")) look(own.kept);
  if (own.is("keeps_batch") || own.is("keeps_to_close")) own.kept = batch->gauges;
  sq_delivery delivery{sizeof(sq_delivery), 0, 0, 0, {nullptr, 0}};
  if (own.is("null_reason")) delivery.why.len = 7;
  loop->written(done, &delivery);
  if (own.is("written_twice")) loop->written(done, &delivery);
}
void output_close(void* instance, sq_done* done) noexcept {
  if (static_cast<Output*>(instance)->is("keeps_to_close")) look(static_cast<Output*>(instance)->kept);
  delete static_cast<Output*>(instance);
  loop->done(done, SQ_OK, {"", 0});
}
const sq_output kOutput{sizeof(sq_output), 0, "careless", kOptions, output_open, output_write, output_close};

// ---- the tasks ----

struct User {
  sq_user* host;
  sq_done* done = nullptr;
};
sq_user* left_user = nullptr;   // of one that has closed
struct TaskKind {
  const char* name;
  void (*run)(User&);
};
const void* kept_task_options = nullptr;
void end_pass(User& user, sq_status status = SQ_OK) { loop->done(user.done, status, {"", 0}); }

const TaskKind kTaskKinds[] = {
    {"well", [](User& user) { end_pass(user); }},
    {"keeps_options", [](User& user) { look(kept_task_options); end_pass(user); }},
    {"keeps_value",
     [](User& user) {
       sq_value first{}, second{};
       users->get(user.host, {"x", 1}, &first);
       users->get(user.host, {"x", 1}, &second);
       look(first.u.str.ptr);
       end_pass(user);
     }},
    {"null_wait", [](User& user) { users->wait(user.host, 1, nullptr, nullptr); end_pass(user); }},
    {"null_value", [](User& user) { users->set(user.host, {"x", 1}, nullptr); end_pass(user); }},
    {"null_group", [](User& user) { users->group_begin(user.host, {nullptr, 3}, {"", 0}); end_pass(user); }},
    {"null_operation", [](User& user) { users->call(user.host, nullptr, nullptr, 0, nullptr, nullptr); end_pass(user); }},
    {"null_record", [](User& user) { records->release(user.host, nullptr); end_pass(user); }},
    {"odd_done", [](User& user) { end_pass(user, 7); }},
    {"done_twice", [](User& user) { end_pass(user); end_pass(user); }},
    {"left_user", [](User& user) { if (left_user) users->random(left_user); end_pass(user); }},
};
constexpr std::size_t kTasksCount = std::size(kTaskKinds);
sq_task tasks[kTasksCount];
const sq_task* task_list[kTasksCount + 1];

sq_status task_open(uint32_t index, const sq_pair* options, uint64_t, void** task, sq_error*) noexcept {
  kept_task_options = options;
  *task = const_cast<TaskKind*>(&kTaskKinds[index]);
  return SQ_OK;
}
void task_close(void*) noexcept {}
sq_status user_open(sq_user* host, void** self, sq_error*) noexcept {
  *self = new User{host};
  return SQ_OK;
}
void user_close(void* self) noexcept {
  left_user = static_cast<User*>(self)->host;
  delete static_cast<User*>(self);
}
void run(void* self, void* task, sq_done* done) noexcept {
  auto& user = *static_cast<User*>(self);
  user.done = done;
  static_cast<const TaskKind*>(task)->run(user);
}
void cancel_pass(void*) noexcept {}
const sq_tasks kTasks{sizeof(sq_tasks), 0, "carefree", task_list, task_open, [](void* task) noexcept { task_close(task); },
                      user_open, user_close, run, cancel_pass};

// ---- the plugin ----

template <typename Table>
void get(const Table*& table, const char* id) {
  table = static_cast<const Table*>(root->get_extension(root, id, sizeof(Table)));
}

sq_status init(const sq_host* host, sq_error*) noexcept {
  root = host;
  get(calls, SQ_CALLS_V1);
  get(loop, SQ_LOOP_V1);
  get(streams, SQ_STREAM_V1);
  get(datagrams, SQ_DATAGRAM_V1);
  get(watches, SQ_FDWATCH_V1);
  get(targets, SQ_TARGET_V1);
  get(sources, SQ_SOURCE_V1);
  get(samples, SQ_SAMPLES_V1);
  get(users, SQ_USERS_V1);
  get(records, SQ_RECORDS_V1);
  for (uint64_t i = 0; i < kLine; ++i) line[i] = static_cast<char>('a' + i % 26);
  line[kLine - 1] = '\n';
  for (std::size_t i = 0; i < kCount; ++i) {
    operations[i] = {sizeof(sq_op), 0, kOperations[i].name, kOperations[i].doc, kParams, kOutputs, 200 * kMs, nullptr, 0, 0};
    operation_list[i] = &operations[i];
  }
  for (std::size_t i = 0; i < kTasksCount; ++i) {
    tasks[i] = {sizeof(sq_task), 0, kTaskKinds[i].name, "", kOptions, nullptr, nullptr};
    task_list[i] = &tasks[i];
  }
  return SQ_OK;
}
void fini() noexcept {}
const void* get_interface(const char* id) noexcept {
  const std::string_view wanted = id;
  if (wanted == SQ_PROTOCOL_V1) return &kProtocol;
  if (wanted == SQ_OUTPUT_V1) return &kOutput;
  return wanted == SQ_TASKS_V1 ? &kTasks : nullptr;
}

const sq_plugin kPlugin{sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_ABI_MINOR, "org.example.careless", "1", "breaks rules that nobody sees",
                        "-", "", 0, init, fini, get_interface};

}  // namespace

extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void);
extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) { return &kPlugin; }
