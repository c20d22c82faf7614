/* One TCP connection to one target, and the calls that take turns on it: a talker's sentences carry no number, so
 * whoever waits for an answer has the connection to itself until that has come. It opens when a call needs it, opens
 * again when the peer has closed it, and is given up when a call leaves it in doubt whose answer comes next. All
 * [shard]. */
#ifndef NMEA_LINK_H
#define NMEA_LINK_H
#include <squall/abi.h>

#include "sentence.h"

/* The host's tables, set once by init(). */
struct nmea_host {
  const sq_loop_api *loop;
  const sq_calls_api *calls;
  const sq_stream_api *stream;
  const sq_target_api *target;
};
extern struct nmea_host host;

struct shard;
struct link;

/* One call, from start() to release(). Used again: a steady run allocates nothing. */
struct exchange {
  struct exchange *next; /* in the link's queue, or among the idle ones */
  struct link *link;
  sq_call *call; /* NULL once it has ended */
  struct nmea_line question;
  struct nmea_line answer; /* without CR LF; empty: none was waited for, or none came */
  bool waits;              /* for an answer */
  struct nmea_text wanted; /* its address; empty: whichever comes first */
  uint64_t sent_ns;
  char detail[64]; /* what a closed stream said, until release() */
};

struct shard *shard_new(sq_shard *handle);
/* Ends with loop.done() when the last stream has closed, and frees the shard. */
void shard_close(struct shard *shard, sq_done *done);
/* NULL: out of memory. */
struct exchange *exchange_take(struct shard *shard);
void exchange_give_back(struct shard *shard, struct exchange *exchange);
/* Ends the call, which must not have ended. `detail` lives as long as the exchange. */
void exchange_end(struct exchange *exchange, uint32_t outcome, uint32_t kind, const char *detail);

/* NULL: out of memory. */
struct link *link_new(struct shard *shard, const sq_target *target, uint64_t session, struct link *next);
struct link *link_next(const struct link *link);
const sq_target *link_target(const struct link *link);
/* No call is in flight; the link goes when its stream has closed. */
void link_leave(struct link *link);
void link_start(struct link *link, struct exchange *exchange);
void link_cancel(struct link *link, struct exchange *exchange);
#endif
