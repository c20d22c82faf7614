/* A plugin as somebody wrote it for ABI 1.0, in C11 and with this folder's abi.h.  Frozen: it must go on to work as it is.
   golden_c.echo sends a line over a connection of its own and reads it back; golden_c.nap ends when a timer does. */
#include <squall/abi.h>

#include <stdlib.h>
#include <string.h>

static const sq_loop_api *loop;
static const sq_calls_api *calls;
static const sq_stream_api *streams;
static const sq_target_api *targets;

enum { ECHO, NAP };
static const sq_param text_param = {.struct_size = sizeof(sq_param), .type = SQ_T_STR, .flags = SQ_P_REQUIRED, .name = "text", .doc = "a line"};
static const sq_param pause_param = {.struct_size = sizeof(sq_param), .type = SQ_T_DURATION, .name = "pause", .doc = "how long",
                                     .default_json = "\"1ms\""};
static const sq_param text_output = {.struct_size = sizeof(sq_param), .type = SQ_T_BYTES, .name = "text", .doc = "what came back"};
static const sq_param size_output = {.struct_size = sizeof(sq_param), .type = SQ_T_I64, .name = "size", .doc = "of it"};
static const sq_param *const echo_params[] = {&text_param, NULL};
static const sq_param *const echo_outputs[] = {&text_output, &size_output, NULL};
static const sq_param *const nap_params[] = {&pause_param, NULL};
static const sq_param *const no_params[] = {NULL};
static const sq_op echo_op = {.struct_size = sizeof(sq_op), .name = "echo", .doc = "there and back", .params = echo_params,
                              .outputs = echo_outputs, .code_output = "size", .code_min = 1, .code_max = 4096};
static const sq_op nap_op = {.struct_size = sizeof(sq_op), .name = "nap", .doc = "nothing, for a while", .params = nap_params, .outputs = no_params};
static const sq_op *const ops[] = {&echo_op, &nap_op, NULL};

typedef struct prepared {
  uint32_t op, is_fixed;
  int32_t slot, reserved;
  const sq_target *to;
  char *text;
  uint64_t size, pause_ns;
} prepared;
typedef struct session {
  sq_shard *shard;
  uint64_t id;
  sq_call *call;
  sq_stream *stream;
  sq_timer *timer;
  char line[4097];
  char answer[4097];
  uint64_t size, got;
  uint32_t is_whole, is_cancelled;
} session;

static sq_status open_instance(const sq_pair *opts, uint64_t n, void **inst, sq_error *error) {
  static int instance;
  (void)opts;
  (void)n;
  (void)error;
  *inst = &instance;
  return SQ_OK;
}
static void close_instance(void *inst) { (void)inst; }

static sq_status prepare(void *inst, uint32_t op, const sq_binding *given, uint32_t n, const sq_wants *wants, void **out, sq_error *error) {
  (void)inst;
  if (!SQ_HAS(wants, keep_bytes)) return SQ_E_STATE;
  prepared *own = calloc(1, sizeof *own);
  if (!own) return SQ_E_NOMEM;
  own->op = op;
  own->slot = -1;
  own->pause_ns = 1000000;
  for (uint32_t i = 0; i < n; ++i) {
    if (given[i].param == SQ_PARAM_TO) {
      own->to = given[i].value.u.target;
    } else if (given[i].slot >= 0) {
      own->slot = given[i].slot;
    } else if (op == NAP) {
      own->pause_ns = (uint64_t)given[i].value.u.i64;
    } else {
      own->is_fixed = 1;
      own->size = given[i].value.u.str.len;
      own->text = malloc(own->size + 1);
      memcpy(own->text, given[i].value.u.str.ptr, own->size);
    }
  }
  if (op == ECHO && (!own->to || targets->info(own->to)->port == 0)) {
    error->code = SQ_E_INVALID;
    strcpy(error->text, "echo needs a target with a port");
    free(own->text);
    free(own);
    return SQ_E_INVALID;
  }
  *out = own;
  return SQ_OK;
}
static void unprepare(void *it) {
  free(((prepared *)it)->text);
  free(it);
}

static sq_status shard_open(void *inst, sq_shard *shard, void **ps, sq_error *error) {
  (void)inst;
  (void)error;
  *ps = shard;
  return SQ_OK;
}
static void shard_close(void *ps, sq_done *done) {
  (void)ps;
  const sq_str nothing = {"", 0};
  loop->done(done, SQ_OK, nothing);
}

static void end(session *own, uint32_t outcome, uint32_t kind) {
  sq_call *call = own->call;
  own->call = NULL;
  call->outcome = outcome;
  call->kind = kind;
  call->bytes_in = own->got;
  calls->complete(call);
}
static void on_timer(void *ctx) {
  session *own = ctx;
  if (own->call) end(own, SQ_OUT_OK, SQ_K_NONE);
}
static sq_status session_open(void *ps, uint64_t id, void **out, sq_error *error) {
  (void)error;
  session *own = calloc(1, sizeof *own);
  if (!own) return SQ_E_NOMEM;
  own->shard = ps;
  own->id = id;
  own->timer = loop->timer_new(own->shard, on_timer, own);
  *out = own;
  return SQ_OK;
}
static void session_close(void *it) {
  loop->timer_free(((session *)it)->timer);
  free(it);
}

static void on_open(void *ctx, sq_stream *stream, const sq_stream_info *info) {
  session *own = ctx;
  own->call->phase_ns[SQ_PH_CONNECT] = info->connect_ns;
  const sq_buf line = {own->line, own->size};
  if (streams->write(stream, &line, 1, own) == SQ_OK) own->call->bytes_out = own->size;
}
static uint64_t on_data(void *ctx, sq_stream *stream, const uint8_t *data, uint64_t len) {
  session *own = ctx;
  const uint64_t room = own->size - own->got, taken = len < room ? len : room;
  if (own->got == 0 && len) own->call->first_byte_ns = loop->recent_ns(own->shard);
  memcpy(own->answer + own->got, data, taken);
  own->got += taken;
  own->is_whole = own->got == own->size && memcmp(own->answer, own->line, own->size) == 0;
  if (own->got == own->size || len == 0) streams->close(stream);
  return taken;
}
static void on_written(void *ctx, sq_stream *stream, void *tag) {
  (void)ctx;
  (void)stream;
  (void)tag;
}
static void on_closed(void *ctx, sq_stream *stream, sq_status why, uint32_t kind, sq_str detail) {
  (void)stream;
  (void)why;
  (void)detail;
  session *own = ctx;
  own->stream = NULL;
  own->call->code = (int32_t)own->got;
  if (own->is_whole) end(own, SQ_OUT_OK, SQ_K_NONE);
  else if (own->is_cancelled) end(own, SQ_OUT_TIMEOUT, SQ_K_NONE);
  else end(own, SQ_OUT_FAILED, kind ? kind : SQ_K_PROTOCOL);
}
static const sq_stream_events events = {sizeof(sq_stream_events), 0, on_open, on_data, on_written, on_closed};

static void start(void *it, const void *what, const sq_value *args, uint32_t n, sq_call *call) {
  (void)n;
  session *own = it;
  const prepared *how = what;
  own->call = call;
  own->got = own->is_whole = own->is_cancelled = 0;
  if (how->op == NAP) {
    loop->timer_set(own->timer, loop->now_ns(own->shard) + (how->slot < 0 ? how->pause_ns : (uint64_t)args[how->slot].u.i64));
    return;
  }
  const char *text = how->is_fixed ? how->text : args[how->slot].u.str.ptr;
  const uint64_t size = how->is_fixed ? how->size : args[how->slot].u.str.len;
  own->size = size < 4096 ? size + 1 : 4097;
  memcpy(own->line, text, own->size - 1);
  own->line[own->size - 1] = '\n';
  sq_connect_opts options = {.struct_size = sizeof options, .flags = SQ_S_NODELAY, .session = own->id};
  if (streams->connect(own->shard, how->to, &options, &events, own, &own->stream) != SQ_OK) end(own, SQ_OUT_FAILED, SQ_K_CONNECT);
}
static void cancel(void *it, sq_call *call) {
  session *own = it;
  if (own->call != call) return;
  own->is_cancelled = 1;
  if (own->stream) streams->close(own->stream);
  else end(own, SQ_OUT_CANCELLED, SQ_K_NONE);
}
static sq_status output(void *it, const sq_call *call, uint32_t index, sq_str key, sq_value *out) {
  (void)key;
  session *own = it;
  memset(out, 0, sizeof *out);
  out->type = index == 0 ? SQ_T_BYTES : SQ_T_I64;
  if (index == 0) {
    out->u.str.ptr = own->answer;
    out->u.str.len = own->got ? own->got - 1 : 0;
  } else {
    out->u.i64 = call->code;
  }
  return index < 2 ? SQ_OK : SQ_E_INVALID;
}
static void release(void *it, sq_call *call) {
  (void)it;
  (void)call;
}

static const sq_protocol protocol = {sizeof(sq_protocol), 0, "golden_c", no_params, ops, open_instance, close_instance, prepare, unprepare,
                                     shard_open, shard_close, session_open, session_close, start, cancel, output, release};

static sq_status init(const sq_host *host, sq_error *error) {
  (void)error;
  loop = host->get_extension(host, SQ_LOOP_V1, sizeof *loop);
  calls = host->get_extension(host, SQ_CALLS_V1, sizeof *calls);
  streams = host->get_extension(host, SQ_STREAM_V1, sizeof *streams);
  targets = host->get_extension(host, SQ_TARGET_V1, sizeof *targets);
  return loop && calls && streams && targets ? SQ_OK : SQ_E_UNSUPPORTED;
}
static void fini(void) {}
static const void *get_interface(const char *id) { return strcmp(id, SQ_PROTOCOL_V1) == 0 ? &protocol : NULL; }

SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void);
SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) {
  static const sq_plugin plugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "org.example.golden_c", "1.0.0", "of ABI 1.0", "MIT",
                                   "cc " __VERSION__, 0, init, fini, get_interface};
  return &plugin;
}
