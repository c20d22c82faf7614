#include "link.h"

#include <stdlib.h>
#include <string.h>

enum state { IDLE, CONNECTING, OPEN, CLOSING }; /* CLOSING: on_closed is on its way */

struct link {
  struct shard *shard;
  const sq_target *target;
  uint64_t session;
  struct link *next; /* of the session */
  sq_stream *stream;
  enum state state;
  bool is_left;    /* its session has gone */
  bool was_used;   /* this connection has carried a sentence */
  bool is_sent;    /* the first of the queue is on its way */
  bool is_writing; /* `out` is the stream's, whatever has become of the call */
  struct exchange *first, *last;
  char out[NMEA_LINE_MAX];
};

struct shard {
  sq_shard *handle;
  struct exchange *idle;
  size_t streams; /* that have not closed yet */
  sq_done *done;
};

struct nmea_host host;

/* ---- exchanges and shards ------------------------------------------------------------------------------- */

struct shard *shard_new(sq_shard *handle) {
  struct shard *const shard = calloc(1, sizeof *shard);
  if (shard) shard->handle = handle;
  return shard;
}

static void shard_end_if_idle(struct shard *shard) {
  if (!shard->done || shard->streams > 0) return;
  sq_done *const done = shard->done;
  while (shard->idle) {
    struct exchange *const one = shard->idle;
    shard->idle = one->next;
    free(one);
  }
  free(shard);
  host.loop->done(done, SQ_OK, (sq_str){NULL, 0});
}

void shard_close(struct shard *shard, sq_done *done) {
  shard->done = done;
  shard_end_if_idle(shard);
}

struct exchange *exchange_take(struct shard *shard) {
  struct exchange *exchange = shard->idle;
  if (exchange) shard->idle = exchange->next;
  else exchange = malloc(sizeof *exchange);
  if (!exchange) return NULL;
  exchange->next = NULL;
  exchange->link = NULL;
  exchange->question.len = exchange->answer.len = 0;
  exchange->question.overflows = exchange->answer.overflows = false;
  exchange->sent_ns = 0;
  return exchange;
}

void exchange_give_back(struct shard *shard, struct exchange *exchange) {
  exchange->next = shard->idle;
  shard->idle = exchange;
}

void exchange_end(struct exchange *exchange, uint32_t outcome, uint32_t kind, const char *detail) {
  sq_call *const call = exchange->call;
  exchange->call = NULL;
  call->outcome = outcome;
  call->kind = kind;
  call->detail = (sq_str){detail, strlen(detail)};
  host.calls->complete(call);
}

static void end_as(struct exchange *exchange, uint32_t kind, sq_str why) {
  const size_t len = why.len < sizeof exchange->detail ? why.len : sizeof exchange->detail - 1;
  if (len > 0) memcpy(exchange->detail, why.ptr, len);
  exchange->detail[len] = '\0';
  exchange_end(exchange, SQ_OUT_FAILED, kind, exchange->detail);
}

/* ---- the queue ------------------------------------------------------------------------------------------- */

/* Takes the first out of the queue; what comes next may be sent. */
static struct exchange *pop(struct link *link) {
  struct exchange *const first = link->first;
  link->first = first->next;
  if (!link->first) link->last = NULL;
  link->is_sent = false;
  return first;
}

static void close_stream(struct link *link) {
  if (link->state != CONNECTING && link->state != OPEN) return;
  link->state = CLOSING;
  host.stream->close(link->stream);
}

static void written(struct link *link) {
  link->is_writing = false;
  if (link->is_sent && !link->first->waits) exchange_end(pop(link), SQ_OUT_OK, SQ_K_NONE, "");
}

static void send_first(struct link *link) {
  struct exchange *const first = link->first;
  memcpy(link->out, first->question.text, first->question.len);
  link->is_sent = link->is_writing = true;
  if (link->was_used) host.target->note(link->shard->handle, link->target, SQ_CN_REUSED);
  link->was_used = true;
  first->call->bytes_out = first->question.len;
  first->sent_ns = host.loop->now_ns(link->shard->handle);
  const sq_buf bytes = {link->out, first->question.len};
  const sq_status status = host.stream->write(link->stream, &bytes, 1, NULL);
  if (status == SQ_DONE) {
    written(link);
  } else if (status != SQ_OK) {
    exchange_end(pop(link), SQ_OUT_FAILED, SQ_K_SEND, "refused by the host");
    close_stream(link);
  }
}

static const sq_stream_events events;

static void connect(struct link *link) {
  const sq_connect_opts options = {.struct_size = sizeof options, .flags = SQ_S_NODELAY | SQ_S_DIRECT,
                                   .session = link->session};
  const sq_status status = host.stream->connect(link->shard->handle, link->target, &options, &events, link, &link->stream);
  if (status != SQ_OK) {
    while (link->first) exchange_end(pop(link), SQ_OUT_FAILED, SQ_K_CONNECT, "refused by the host");
    return;
  }
  link->state = CONNECTING;
  link->was_used = link->is_writing = false;
  ++link->shard->streams;
}

/* Does what can be done for the queue now. A loop, since most sentences are written at once. */
static void go_on(struct link *link) {
  if (link->first && link->state == IDLE) connect(link);
  while (link->first && link->state == OPEN && !link->is_sent && !link->is_writing) send_first(link);
}

/* ---- what the stream says -------------------------------------------------------------------------------- */

static void on_open(void *context, sq_stream *stream, const sq_stream_info *info) {
  struct link *const link = context;
  (void)stream;
  link->state = OPEN;
  if (link->first) { /* the one for whom it was opened */
    uint64_t *const phase_ns = link->first->call->phase_ns;
    phase_ns[SQ_PH_RESOLVE] = info->resolve_ns;
    phase_ns[SQ_PH_CONNECT] = info->connect_ns;
    phase_ns[SQ_PH_TLS] = info->tls_ns;
  }
  go_on(link);
}

/* One line, without CR LF, of so many bytes with it. What nobody waits for is passed over: talkers talk. */
static void take_line(struct link *link, struct nmea_text line, size_t bytes) {
  if (!link->is_sent || !link->first->waits) return;
  struct exchange *const first = link->first;
  sq_call *const call = first->call;
  const uint64_t now_ns = host.loop->recent_ns(link->shard->handle);
  call->bytes_in += bytes;
  if (call->first_byte_ns == 0) {
    call->first_byte_ns = now_ns;
    call->phase_ns[SQ_PH_FIRST_BYTE] = now_ns > first->sent_ns ? now_ns - first->sent_ns : 0;
  }
  const char *const fault = nmea_fault(line);
  if (!fault && first->wanted.len > 0) {
    const struct nmea_text address = nmea_field(line, 0);
    if (address.len != first->wanted.len || memcmp(address.ptr, first->wanted.ptr, address.len) != 0) return;
  }
  nmea_put(&first->answer, line);
  call->end_ns = now_ns;
  if (fault) exchange_end(pop(link), SQ_OUT_FAILED, SQ_K_PROTOCOL, fault);
  else exchange_end(pop(link), SQ_OUT_OK, SQ_K_NONE, "");
}

static void give_up(struct link *link, uint32_t kind, const char *why) {
  if (link->is_sent) exchange_end(pop(link), SQ_OUT_FAILED, kind, why);
  close_stream(link);
}

static uint64_t on_data(void *context, sq_stream *stream, const uint8_t *data, uint64_t len) {
  struct link *const link = context;
  (void)stream;
  if (len == 0) {
    give_up(link, SQ_K_CLOSED, "eof");
    return 0;
  }
  const char *at = (const char *)data;
  const char *const end = at + len;
  const char *newline;
  while (link->state == OPEN && (newline = memchr(at, '\n', (size_t)(end - at)))) {
    const size_t bytes = (size_t)(newline - at) + 1;
    const size_t line_end = newline > at && newline[-1] == '\r' ? bytes - 2 : bytes - 1;
    if (bytes > NMEA_LINE_MAX) give_up(link, SQ_K_LIMIT, "line too long");
    else take_line(link, (struct nmea_text){at, line_end}, bytes);
    at = newline + 1;
  }
  if (link->state == OPEN && end - at >= NMEA_LINE_MAX) give_up(link, SQ_K_LIMIT, "line too long");
  if (link->state != OPEN) return len;
  go_on(link); /* only now: what was there before a question is no answer to it */
  return (uint64_t)(at - (const char *)data); /* half a line is shown again */
}

static void on_written(void *context, sq_stream *stream, void *tag) {
  struct link *const link = context;
  (void)stream, (void)tag;
  written(link); /* its answer may have been faster */
  go_on(link);
}

static void on_closed(void *context, sq_stream *stream, sq_status why, uint32_t kind, sq_str detail) {
  struct link *const link = context;
  const enum state was = link->state;
  (void)stream, (void)why;
  link->state = IDLE;
  link->stream = NULL;
  if (was == CONNECTING) /* nobody there: for none of those who wait */
    while (link->first) end_as(pop(link), kind ? kind : (uint32_t)SQ_K_CONNECT, detail);
  else if (link->is_sent)
    end_as(pop(link), kind ? kind : (uint32_t)SQ_K_CLOSED, detail);
  struct shard *const shard = link->shard;
  --shard->streams;
  if (link->is_left) {
    free(link);
    shard_end_if_idle(shard);
    return;
  }
  go_on(link); /* what was not sent goes out on the next connection */
}

static const sq_stream_events events = {sizeof(sq_stream_events), 0, on_open, on_data, on_written, on_closed};

/* ---- what the session asks for --------------------------------------------------------------------------- */

struct link *link_new(struct shard *shard, const sq_target *target, uint64_t session, struct link *next) {
  struct link *const link = calloc(1, sizeof *link);
  if (!link) return NULL;
  link->shard = shard;
  link->target = target;
  link->session = session;
  link->next = next;
  return link;
}

struct link *link_next(const struct link *link) { return link->next; }
const sq_target *link_target(const struct link *link) { return link->target; }

void link_leave(struct link *link) {
  link->is_left = true;
  if (link->state == IDLE) free(link);
  else close_stream(link);
}

void link_start(struct link *link, struct exchange *exchange) {
  exchange->link = link;
  if (link->last) link->last->next = exchange;
  else link->first = exchange;
  link->last = exchange;
  go_on(link);
}

void link_cancel(struct link *link, struct exchange *exchange) {
  const sq_call *const call = exchange->call;
  if (!call) return; /* it has ended */
  const bool is_late = call->deadline_ns && host.loop->now_ns(link->shard->handle) >= call->deadline_ns;
  if (exchange == link->first) {
    /* Its answer may still come and must not be taken for another's. */
    if (link->is_sent) close_stream(link);
    pop(link);
  } else {
    struct exchange *before = link->first;
    while (before->next != exchange) before = before->next;
    before->next = exchange->next;
    if (link->last == exchange) link->last = before;
  }
  if (!link->first && link->state == CONNECTING) close_stream(link); /* nobody waits for it any more */
  exchange_end(exchange, is_late ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED, SQ_K_NONE, "");
}
