/* The protocol "nmea" in plain C11: NMEA 0183 sentences over TCP, as GPS receivers, AIS and ships' instruments speak
 * them. A whole protocol plugin without a line of C++; docs/plugins.md, "In C", says what there is to know.
 *   sentence.c  the text of sentences, and what is wrong with one
 *   link.c      one connection and the calls that take turns on it
 *   nmea.c      descriptions, bindings, and the table of functions */
#include <squall/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

static sq_status refuse(sq_error *error, sq_status code, const char *text) {
  if (error) {
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", text);
  }
  return code;
}

/* ---- descriptions ---------------------------------------------------------------------------------------- */

enum { SENTENCE, FIELDS, ANSWER };
static const sq_param sentence = {sizeof(sq_param), SQ_T_STR, SQ_P_REQUIRED, SQ_U_NONE, "sentence",
                                  "talker and type, as GPRMC; with ! before it an encapsulated one", NULL, NULL};
static const sq_param fields = {sizeof(sq_param), SQ_T_LIST, 0, SQ_U_NONE, "fields", "its fields, in order", NULL, NULL};
static const sq_param answer = {sizeof(sq_param), SQ_T_STR, SQ_P_STATIC, SQ_U_NONE, "answer",
                                "waits for a sentence of this talker and type, or for `any`; else for nothing", NULL, NULL};
static const sq_param *const params[] = {&sentence, &fields, &answer, NULL};

enum { OUT_LINE, OUT_SENTENCE, OUT_FIELD };
static const sq_param out_line = {sizeof(sq_param), SQ_T_BYTES, 0, SQ_U_NONE, "line", "the answer, without CR LF", NULL, NULL};
static const sq_param out_sentence = {sizeof(sq_param), SQ_T_STR, 0, SQ_U_NONE, "sentence", "its talker and type", NULL, NULL};
static const sq_param out_field = {sizeof(sq_param), SQ_T_MAP, 0, SQ_U_NONE, "field", "`field.N`: one of its fields, from 1", NULL, NULL};
static const sq_param *const outputs[] = {&out_line, &out_sentence, &out_field, NULL};

static const sq_op send_op = {.struct_size = sizeof(sq_op), .name = "send", .params = params, .outputs = outputs,
                              .doc = "sends one sentence, with its checksum, and waits for one if it is told to"};
static const sq_op *const operations[] = {&send_op, NULL};
static const sq_param *const no_options[] = {NULL};

/* ---- a step's bindings ----------------------------------------------------------------------------------- */

/* A part of the sentence: text that is fixed, or an argument of each call. */
struct part {
  int32_t slot; /* < 0: fixed */
  struct nmea_line *fixed;
};

struct prepared {
  struct part sentence, fields;
  int32_t to_slot;
  const sq_target *to;
  bool waits;
  struct nmea_line wanted;
};

static struct nmea_text text_of(sq_str text) { return (struct nmea_text){text.ptr, (size_t)text.len}; }

/* The field that a user wrote as a text, a number or nothing. `digits` holds it while it is used. */
static bool read_field(const sq_value *value, char digits[32], struct nmea_text *text) {
  *text = (struct nmea_text){digits, 0};
  switch (value->type) {
    case SQ_T_NULL: return true;
    case SQ_T_STR:
    case SQ_T_BYTES: *text = text_of(value->u.str); return true;
    case SQ_T_BOOL:
    case SQ_T_I64: text->len = (size_t)snprintf(digits, 32, "%lld", (long long)value->u.i64); return true;
    case SQ_T_F64: /* the shortest that is the same number */
      for (int precision = 15; precision <= 17; ++precision) {
        text->len = (size_t)snprintf(digits, 32, "%.*g", precision, value->u.f64);
        if (strtod(digits, NULL) == value->u.f64) break;
      }
      return true;
    default: return false;
  }
}

/* These two give what is wrong, or NULL. */
static const char *put_sentence(struct nmea_line *line, const sq_value *value) {
  const struct nmea_text text = text_of(value->u.str);
  if (value->type != SQ_T_STR || !nmea_is_address(text)) return "sentence is not a talker and type such as GPRMC";
  if (text.ptr[0] != '$' && text.ptr[0] != '!') nmea_put(line, (struct nmea_text){"$", 1});
  nmea_put(line, text);
  return line->overflows ? "sentence is too long" : NULL;
}

static const char *put_fields(struct nmea_line *line, const sq_value *value) {
  if (value->type != SQ_T_LIST) return value->type == SQ_T_NULL ? NULL : "fields are not a list";
  for (uint64_t i = 0; i < value->u.list.len; ++i) {
    char digits[32];
    struct nmea_text text;
    if (!read_field(&value->u.list.ptr[i], digits, &text)) return "a field is neither text nor number";
    if (!nmea_is_field(text)) return "a field has one of $ ! * , \\ ~ or a control character";
    nmea_put(line, (struct nmea_text){",", 1});
    nmea_put(line, text);
  }
  return line->overflows ? "sentence is too long" : NULL;
}

typedef const char *(*put_fn)(struct nmea_line *, const sq_value *);

/* Binds one part: what is fixed is made into text once, which copies it as well. */
static const char *bind(struct part *part, const sq_binding *binding, put_fn put) {
  part->slot = binding->slot;
  if (binding->slot >= 0) return NULL;
  part->fixed = calloc(1, sizeof *part->fixed);
  return part->fixed ? put(part->fixed, &binding->value) : "out of memory";
}

static const char *render(struct nmea_line *line, const struct part *part, const sq_value *args, put_fn put) {
  if (part->slot >= 0) return put(line, &args[part->slot]);
  if (part->fixed) nmea_put(line, (struct nmea_text){part->fixed->text, part->fixed->len});
  return NULL;
}

static const char *bind_answer(struct prepared *prepared, const sq_binding *binding) {
  struct nmea_text text = text_of(binding->value.u.str);
  if (binding->slot >= 0 || binding->value.type != SQ_T_STR) return "answer cannot vary from call to call";
  prepared->waits = true;
  if (text.len == 3 && memcmp(text.ptr, "any", 3) == 0) return NULL;
  if (!nmea_is_address(text)) return "answer is not a talker and type such as GPGGA, nor `any`";
  const bool has_start = text.ptr[0] == '$' || text.ptr[0] == '!';
  nmea_put(&prepared->wanted, (struct nmea_text){text.ptr + has_start, text.len - has_start});
  return prepared->wanted.overflows ? "answer is too long" : NULL;
}

static void unprepare(void *data) {
  struct prepared *const prepared = data;
  free(prepared->sentence.fixed);
  free(prepared->fields.fixed);
  free(prepared);
}

static sq_status prepare(void *instance, uint32_t op, const sq_binding *bindings, uint32_t n, const sq_wants *wants,
                         void **out, sq_error *error) {
  (void)instance, (void)op, (void)wants;
  struct prepared *const prepared = calloc(1, sizeof *prepared);
  if (!prepared) return refuse(error, SQ_E_NOMEM, "out of memory");
  prepared->sentence.slot = prepared->fields.slot = prepared->to_slot = -1;
  bool has_sentence = false, has_target = false;
  const char *fault = NULL;
  for (uint32_t i = 0; i < n && !fault; ++i) {
    const sq_binding *const binding = &bindings[i];
    switch (binding->param) {
      case SENTENCE:
        has_sentence = true;
        fault = bind(&prepared->sentence, binding, put_sentence);
        break;
      case FIELDS: fault = bind(&prepared->fields, binding, put_fields); break;
      case ANSWER: fault = bind_answer(prepared, binding); break;
      case SQ_PARAM_TO:
        has_target = true;
        prepared->to_slot = binding->slot;
        if (binding->slot < 0) prepared->to = binding->value.u.target;
        break;
      default: fault = "nmea.send has no such parameter";
    }
  }
  if (!fault && !has_sentence) fault = "parameter sentence is missing";
  if (!fault && !has_target) fault = "nmea needs a target: to";
  if (fault) {
    unprepare(prepared);
    return refuse(error, SQ_E_INVALID, fault);
  }
  *out = prepared;
  return SQ_OK;
}

/* ---- instance, shard, session ---------------------------------------------------------------------------- */

static sq_status open_instance(const sq_pair *options, uint64_t n, void **instance, sq_error *error) {
  static char nothing; /* there are no options, so there is nothing to keep */
  (void)options, (void)n, (void)error;
  *instance = &nothing;
  return SQ_OK;
}
static void close_instance(void *instance) { (void)instance; }

static sq_status open_shard(void *instance, sq_shard *handle, void **shard, sq_error *error) {
  (void)instance;
  *shard = shard_new(handle);
  return *shard ? SQ_OK : refuse(error, SQ_E_NOMEM, "out of memory");
}
static void close_shard(void *shard, sq_done *done) { shard_close(shard, done); }

struct session {
  struct shard *shard;
  uint64_t id;
  struct link *links; /* one for each target that its users have spoken to */
};

static sq_status open_session(void *shard, uint64_t id, void **out, sq_error *error) {
  struct session *const session = malloc(sizeof *session);
  if (!session) return refuse(error, SQ_E_NOMEM, "out of memory");
  *session = (struct session){shard, id, NULL};
  *out = session;
  return SQ_OK;
}

static void close_session(void *data) {
  struct session *const session = data;
  for (struct link *link = session->links, *next; link; link = next) {
    next = link_next(link);
    link_leave(link);
  }
  free(session);
}

static struct link *link_to(struct session *session, const sq_target *target) {
  for (struct link *link = session->links; link; link = link_next(link))
    if (link_target(link) == target) return link;
  struct link *const made = link_new(session->shard, target, session->id, session->links);
  if (made) session->links = made;
  return made;
}

/* ---- calls ----------------------------------------------------------------------------------------------- */

static void start(void *data, const void *step, const sq_value *args, uint32_t n, sq_call *call) {
  struct session *const session = data;
  const struct prepared *const prepared = step;
  (void)n;
  struct exchange *const exchange = exchange_take(session->shard);
  call->plugin_data = exchange;
  if (!exchange) {
    static const char detail[] = "ENOMEM";
    call->outcome = SQ_OUT_FAILED;
    call->kind = SQ_K_LOCAL_RESOURCE;
    call->detail = (sq_str){detail, sizeof detail - 1};
    host.calls->complete(call);
    return;
  }
  exchange->call = call;
  exchange->waits = prepared->waits;
  exchange->wanted = (struct nmea_text){prepared->wanted.text, prepared->wanted.len};
  struct nmea_line *const line = &exchange->question;
  const char *fault = render(line, &prepared->sentence, args, put_sentence);
  if (!fault) fault = render(line, &prepared->fields, args, put_fields);
  nmea_end(line);
  if (!fault && line->overflows) fault = "sentence is too long";
  if (fault) {
    exchange_end(exchange, SQ_OUT_FAILED, SQ_K_PROTOCOL, fault);
    return;
  }
  const sq_target *target = prepared->to;
  if (prepared->to_slot >= 0) target = args[prepared->to_slot].type == SQ_T_TARGET ? args[prepared->to_slot].u.target : NULL;
  struct link *const link = target ? link_to(session, target) : NULL;
  if (link) link_start(link, exchange);
  else if (target) exchange_end(exchange, SQ_OUT_FAILED, SQ_K_LOCAL_RESOURCE, "ENOMEM");
  else exchange_end(exchange, SQ_OUT_FAILED, SQ_K_PLUGIN, "no target");
}

static void cancel(void *session, sq_call *call) {
  struct exchange *const exchange = call->plugin_data;
  (void)session;
  if (exchange && exchange->link) link_cancel(exchange->link, exchange);
}

static sq_status output(void *session, const sq_call *call, uint32_t index, sq_str key, sq_value *out) {
  const struct exchange *const exchange = call->plugin_data;
  (void)session;
  if (!exchange || index > OUT_FIELD) return SQ_E_INVALID;
  *out = (sq_value){.type = SQ_T_NULL};
  if (exchange->answer.len == 0) return SQ_OK; /* none was waited for */
  const struct nmea_text line = {exchange->answer.text, exchange->answer.len};
  struct nmea_text text = line;
  if (index == OUT_SENTENCE) text = nmea_field(line, 0);
  if (index == OUT_FIELD) {
    size_t number = 0;
    for (uint64_t i = 0; i < key.len; ++i) {
      if (key.ptr[i] < '0' || key.ptr[i] > '9' || number > NMEA_LINE_MAX) return SQ_E_INVALID;
      number = number * 10 + (size_t)(key.ptr[i] - '0');
    }
    if (number == 0) return SQ_E_INVALID;
    text = nmea_field(line, number);
    if (!text.ptr) return SQ_OK;
  }
  out->type = index == OUT_LINE ? SQ_T_BYTES : SQ_T_STR;
  out->u.str = (sq_str){text.ptr, text.len};
  return SQ_OK;
}

static void release(void *data, sq_call *call) {
  struct session *const session = data;
  if (call->plugin_data) exchange_give_back(session->shard, call->plugin_data);
  call->plugin_data = NULL;
}

/* ---- the tables ------------------------------------------------------------------------------------------ */

static const sq_protocol protocol = {sizeof(sq_protocol), 0, "nmea", no_options, operations,
                                     open_instance, close_instance, prepare, unprepare, open_shard, close_shard,
                                     open_session, close_session, start, cancel, output, release};

static sq_status init(const sq_host *root, sq_error *error) {
  host.loop = root->get_extension(root, SQ_LOOP_V1, sizeof *host.loop);
  host.calls = root->get_extension(root, SQ_CALLS_V1, sizeof *host.calls);
  host.stream = root->get_extension(root, SQ_STREAM_V1, sizeof *host.stream);
  host.target = root->get_extension(root, SQ_TARGET_V1, sizeof *host.target);
  if (host.loop && host.calls && host.stream && host.target) return SQ_OK;
  return refuse(error, SQ_E_UNSUPPORTED, "host lacks squall.loop/1, squall.calls/1, squall.stream/1 or squall.target/1");
}
static void fini(void) {}
static const void *get_interface(const char *id) { return strcmp(id, SQ_PROTOCOL_V1) == 0 ? &protocol : NULL; }

SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void);
SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) {
  static const sq_plugin plugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "org.example.nmea", "0.1.0",
                                   "NMEA 0183 sentences over TCP", "Apache-2.0", "C11, " __VERSION__, 0,
                                   init, fini, get_interface};
  return &plugin;
}
