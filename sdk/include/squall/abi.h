/* squall/abi.h - plugin ABI 1: what a plugin and squall may rely on, each built when it was built.  Frozen since
 * 1.0: it grows by the rules below and never changes.  Plain C11; also C++17/20.  No other header, no libc
 * calls.  Linux with 64-bit pointers (LP64).  docs/abi-policy.md says what is promised and for how long.
 *
 * RULES (normative; tests/ enforces most of them)
 *  R1 A released name, field, enumerator, signature, layout or meaning never changes.  Grow by
 *     (a) a field/function appended to a struct that starts with struct_size, under the next
 *     SQ_TARGET_MINOR guard, (b) a new interface id "squall.x/2", (c) a new enumerator that only
 *     flows plugin -> host, or host -> plugin after the plugin asked for it.  Two lists may grow in
 *     both directions: SQ_E_* (an unknown status < 0 is a failure like any other) and SQ_K_* (an
 *     unknown kind is shown by its number).
 *  R2 The host loads a plugin when majors are equal and host minor >= plugin->abi_minor, which is the
 *     SQ_TARGET_MINOR that it was built with.  So a plugin needs no checks on tables and structs that the
 *     HOST allocated: what that target declares is there.
 *  R3 The host reads PLUGIN-allocated structs only below their struct_size.
 *  R4 Ownership never crosses: who allocates frees.  Everything passed is a borrowed view.
 *     Unless said otherwise an argument view ends when the called function returns.
 *  R5 No exception, longjmp or unwinding crosses.  Callbacks must not block.
 *  R6 Tags: [main] control thread, one call at a time; [shard] the loop thread that owns the
 *     object; [any] every thread.  Completions, events, timers, posts and stream callbacks always
 *     come from the loop, never from inside a call that the plugin makes to the host.  Exceptions:
 *     sq_users.call/cancel/output/release run the protocol's start/cancel/output/release inside.
 *  R7 Descriptors (sq_plugin, interface tables, sq_op, sq_param ...) are immutable and live
 *     until the process ends.  Plugins are never unloaded.
 *  R8 reserved/flags fields are zero unless a flag is documented; unknown host flags: ignore.
 */
#ifndef SQ_ABI_H
#define SQ_ABI_H
#include <stddef.h>
#include <stdint.h>

#define SQ_ABI_MAJOR 1u
#define SQ_ABI_MINOR 0u                /* newest minor this header describes */
#ifndef SQ_TARGET_MINOR                /* the oldest host that will do: a plugin raises it for what it needs */
#define SQ_TARGET_MINOR 0u
#endif
#if SQ_TARGET_MINOR > SQ_ABI_MINOR
#error "SQ_TARGET_MINOR is newer than this header"
#endif
#define SQ_ENTRY_SYMBOL "squall_plugin_entry_v1"   /* the major is part of the symbol name */
#if defined(__GNUC__)
#define SQ_EXPORT __attribute__((visibility("default")))
#else
#define SQ_EXPORT
#endif
#ifdef __cplusplus
#define SQ_NOEXCEPT noexcept            /* part of C++ function-pointer types only */
extern "C" {
#else
#define SQ_NOEXCEPT
#endif
#define SQ_FN(ret, name, args) ret (*name) args SQ_NOEXCEPT
#define SQ_HAS(p, field) ((size_t)(p)->struct_size >= \
    offsetof(__typeof__(*(p)), field) + sizeof((p)->field))

/* ---- values: frozen layouts, never extended ------------------------------------------- */
typedef struct sq_str { const char *ptr; uint64_t len; } sq_str;       /* UTF-8/bytes, no NUL */
typedef struct sq_buf { const void *ptr; uint64_t len; } sq_buf;
typedef struct sq_pair sq_pair;
typedef struct sq_value sq_value;
typedef struct sq_target sq_target;     typedef struct sq_source sq_source;   /* host's, opaque */
struct sq_value {                                                       /* 24 bytes */
  uint32_t type;                                                        /* SQ_T_* */
  uint32_t reserved;
  union {
    int64_t i64; uint64_t u64; double f64; sq_str str;  /* bool: i64 0, 1; bytes: str; duration: i64 ns */
    const sq_target *target; sq_source *source;
    struct { const sq_value *ptr; uint64_t len; } list;
    struct { const sq_pair *ptr; uint64_t len; } map;
  } u;
};
struct sq_pair { sq_str key; sq_value value; };                         /* 40 bytes */
enum { SQ_T_NULL, SQ_T_BOOL, SQ_T_I64, SQ_T_F64, SQ_T_STR, SQ_T_BYTES, SQ_T_DURATION,
       SQ_T_LIST, SQ_T_MAP, SQ_T_TARGET, SQ_T_SOURCE };

typedef int32_t sq_status;                                              /* 0 ok, < 0 error */
enum { SQ_OK = 0, SQ_DONE = 1, SQ_E_INVALID = -1, SQ_E_UNSUPPORTED = -2, SQ_E_NOMEM = -3, SQ_E_STATE = -4,
       SQ_E_CLOSED = -5, SQ_E_LIMIT = -6, SQ_E_IO = -7, SQ_E_INTERNAL = -8, SQ_E_TIMEOUT = -9 };
typedef struct sq_error { int32_t code; int32_t sys_errno; char text[248]; } sq_error; /* frozen */

/* ---- opaque handles --------------------------------------------------------------------- */
/* The host makes all of them, and until when each may be used:
     sq_target, sq_source   the end of the run; the release() of the call that it came with
     sq_shard, sq_series    fini()
     sq_opref               the end of the run
     sq_user, sq_record     user_close(); its release or the end of the iteration
     sq_timer, sq_watch     the plugin's timer_free(), unwatch()
     sq_stream, sq_dgram    on_closed(); the plugin's close()
     sq_done                the one done() or written() that answers it */
typedef struct sq_shard sq_shard;       typedef struct sq_user sq_user;
typedef struct sq_timer sq_timer;       typedef struct sq_watch sq_watch;
typedef struct sq_stream sq_stream;     typedef struct sq_dgram sq_dgram;
typedef struct sq_series sq_series;     typedef struct sq_delivery sq_delivery;
typedef struct sq_opref sq_opref;       typedef struct sq_done sq_done;

/* ---- host root -------------------------------------------------------------------------- */
typedef struct sq_host {
  uint32_t struct_size; uint16_t abi_major, abi_minor;
  const char *name, *version;
  /* Table for an id such as "squall.loop/1"; NULL when absent or smaller than min_size.
     Same pointer for the life of the process. [any] */
  SQ_FN(const void *, get_extension, (const struct sq_host *, const char *id, uint32_t min_size));
  SQ_FN(void, log, (const struct sq_host *, uint32_t level, sq_str msg));          /* [any] */
} sq_host;
enum { SQ_LOG_TRACE, SQ_LOG_DEBUG, SQ_LOG_INFO, SQ_LOG_WARN, SQ_LOG_ERROR };

/* ---- plugin root: SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void); no side effects --- */
typedef struct sq_plugin {
  uint32_t struct_size; uint16_t abi_major, abi_minor;  /* abi_minor = SQ_TARGET_MINOR: needed */
  const char *id, *version, *description, *license;     /* id: "org.example.http" */
  const char *build_info;                               /* compiler, SDK, flags: for errors only */
  uint64_t flags;
  SQ_FN(sq_status, init, (const sq_host *, sq_error *));                /* once [main] */
  SQ_FN(void, fini, (void));                                            /* once [main], at exit */
  /* Table for an id such as "squall.protocol/1", or NULL.  No size argument on purpose: the host must
     accept the table of an older plugin and test later members with SQ_HAS. [main] */
  SQ_FN(const void *, get_interface, (const char *id));
} sq_plugin;
typedef const sq_plugin *(*sq_plugin_entry_fn)(void);
enum { SQ_PLUGIN_OWN_THREADS = 1u << 0 };

/* ---- described parameters and operations -------------------------------------------------- */
typedef struct sq_param {
  uint32_t struct_size, type, flags, unit;              /* SQ_T_*, SQ_P_*, SQ_U_* */
  const char *name, *doc;
  const char *default_json;             /* shown to users; the host fills nothing in: not given is not bound.  NULL: none */
  const char *const *choices;           /* NULL or NULL-terminated; of values that vary, the plugin's to check */
} sq_param;
enum { SQ_P_REQUIRED = 1u << 0, SQ_P_STATIC = 1u << 1 /* may not vary per call */,
       SQ_P_SECRET = 1u << 2 };
/* How the host reads the scenario's value: 2GiB -> bytes, 500 MB/s -> bytes per second; SQ_U_JSON with
   SQ_T_BYTES: any YAML value, given to the plugin as rendered JSON text. */
enum { SQ_U_NONE, SQ_U_BYTES, SQ_U_BYTES_PER_S, SQ_U_PER_S, SQ_U_JSON };
typedef struct sq_op {
  uint32_t struct_size, flags;
  const char *name, *doc;                               /* "get": callers say "http.get" */
  const sq_param *const *params;                        /* NULL-terminated; index = position */
  const sq_param *const *outputs;                       /* NULL-terminated; index for output() */
  uint64_t cancel_limit_ns;             /* complete() comes at latest this long after cancel(); 0: 5 s */
  /* An SQ_OUT_OK call whose code lies outside fails as SQ_K_STATUS, unless the step itself expects
     something of the output named code_output ("status", "exit"; NULL: never judged). */
  const char *code_output; int32_t code_min, code_max;
} sq_op;
enum { SQ_OP_BULK = 1u << 0 /* reports progress() while it runs */ };
/* What will be read of a result: what is not wanted need not be kept. */
typedef struct sq_wants { uint32_t struct_size, flags; uint64_t outputs /* bit i: output i */, keep_bytes; } sq_wants;

/* One entry per given parameter.  slot < 0: value is static.  slot >= 0: args[slot] of start().*/
typedef struct sq_binding { uint32_t param; int32_t slot; sq_value value; } sq_binding; /* frozen*/
#define SQ_PARAM_TO 0xFFFFFFFFu  /* sq_binding.param of the step's target, type SQ_T_TARGET */

/* ---- a call in flight: always allocated by the host --------------------------------------- */
enum { SQ_OUT_OK, SQ_OUT_FAILED, SQ_OUT_TIMEOUT, SQ_OUT_CANCELLED };
/* SEND, RECEIVE: the socket said so, ICMP among it; CLOSED: the peer ended it; PROTOCOL: it said what none may;
   STATUS: an answer that says no; CHECK: the step's own values cannot be sent, or an answer is not as expected;
   LIMIT: a limit that somebody has set; PLUGIN: a fault of the plugin; LOCAL_RESOURCE makes the run invalid. */
enum { SQ_K_NONE, SQ_K_RESOLVE, SQ_K_CONNECT, SQ_K_TLS, SQ_K_SEND, SQ_K_RECEIVE, SQ_K_CLOSED,
       SQ_K_PROTOCOL, SQ_K_STATUS, SQ_K_CHECK, SQ_K_LIMIT, SQ_K_PLUGIN,
       SQ_K_LOCAL_RESOURCE /* EMFILE, EADDRNOTAVAIL, ENOBUFS, ENOMEM */, SQ_K_OFF_LIST,
       SQ_K_TIMEOUT /* in sq_error_count alone; elsewhere a time-out is an outcome and has no kind */ };
enum { SQ_PH_WAIT_CONN, SQ_PH_RESOLVE, SQ_PH_CONNECT, SQ_PH_TLS, SQ_PH_SEND, SQ_PH_FIRST_BYTE,
       SQ_PH_RECEIVE };                 /* indices of phase_ns */
typedef struct sq_call {
  uint32_t struct_size;
  uint32_t outcome, kind;               /* plugin sets: SQ_OUT_*, SQ_K_* */
  int32_t  code;                        /* plugin sets: HTTP status, MQTT reason ... */
  uint64_t bytes_out, bytes_in;         /* plugin sets: of THIS call, framing included, above TLS */
  uint64_t first_byte_ns, end_ns;       /* plugin may set; 0: end is the time of complete() */
  sq_str   detail;                      /* plugin sets: few distinct texts; valid to release() */
  uint64_t due_ns, start_ns, deadline_ns;  /* host sets; deadline 0 = none; the host calls cancel */
  sq_shard *shard;                      /* host sets */
  void *plugin_data;                    /* protocol plugin's word, from start() to release() */
  void *owner_data;                     /* caller's word */
  uint64_t phase_ns[16];                /* plugin sets what it knows; SQ_PH_*, the rest is 0 */
  uint32_t flags, reserved;             /* host sets: SQ_CALL_* */
} sq_call;
/* SQ_CALL_BESIDE: one of several calls that a user makes side by side; a protocol that has one connection
   a user may open more for it.  Without it calls of a session queue behind what it has open. */
enum { SQ_CALL_BESIDE = 1u << 0 };

/* ---- plugin interface "squall.protocol/1" ------------------------------------------------------ */
#define SQ_PROTOCOL_V1 "squall.protocol/1"
typedef struct sq_protocol {
  uint32_t struct_size, flags;
  const char *name;                     /* "http" */
  const sq_param *const *options;       /* instance options, NULL-terminated */
  const sq_op *const *ops;              /* NULL-terminated; index = op */
  SQ_FN(sq_status, open, (const sq_pair *opts, uint64_t n, void **inst, sq_error *));  /* [main] */
  SQ_FN(void, close, (void *inst));                                                    /* [main] */
  /* Validate, copy and compile bindings once; result is immutable, used by every shard. */
  SQ_FN(sq_status, prepare, (void *inst, uint32_t op, const sq_binding *, uint32_t n,
                             const sq_wants *, void **prepared, sq_error *));          /* [any] */
  SQ_FN(void, unprepare, (void *prepared));                                            /* [main] */
  SQ_FN(sq_status, shard_open, (void *inst, sq_shard *, void **ps, sq_error *));       /* [shard] */
  SQ_FN(void, shard_close, (void *ps, sq_done *));      /* async: sq_loop.done(d) when idle [shard] */
  /* One session per user, or shared by several (`sessions: N`): several calls in flight. [shard] */
  SQ_FN(sq_status, session_open, (void *ps, uint64_t session, void **sess, sq_error *));
  SQ_FN(void, session_close, (void *sess));     /* no calls are in flight then [shard] */
  /* Starts one call.  args (n = slots) may be kept until complete().  Exactly one complete()
     follows, from inside start() or later.  Must not allocate in steady state. [shard] */
  SQ_FN(void, start, (void *sess, const void *prepared, const sq_value *args, uint32_t n, sq_call *));
  SQ_FN(void, cancel, (void *sess, sq_call *)); /* complete() must follow soon; idempotent [shard] */
  /* Output `index` (and `key` for map-like ones such as a header).  The view is valid until
     release().  SQ_E_INVALID: no such output. [shard] */
  SQ_FN(sq_status, output, (void *sess, const sq_call *, uint32_t index, sq_str key, sq_value *out));
  SQ_FN(void, release, (void *sess, sq_call *));        /* results no longer needed [shard] */
} sq_protocol;

/* ---- host extension "squall.calls/1": what a protocol uses to report ---------------------------- */
#define SQ_CALLS_V1 "squall.calls/1"
typedef struct sq_calls_api {
  uint32_t struct_size, flags;
  SQ_FN(void, complete, (sq_call *));                   /* queues; caller resumes later [shard] */
  /* SQ_OP_BULK: bytes moved since the last report; feeds the 1 s windows and byte budgets. [shard] */
  SQ_FN(void, progress, (sq_call *, uint64_t out, uint64_t in));
} sq_calls_api;

/* ---- host extension "squall.loop/1" -------------------------------------------------------------- */
#define SQ_LOOP_V1 "squall.loop/1"
typedef struct sq_post {                /* frozen; plugin memory, untouched until fn runs */
  void *host_private[2];
  SQ_FN(void, fn, (void *ctx));
  void *ctx;
} sq_post;
typedef struct sq_loop_api {
  uint32_t struct_size, flags;
  SQ_FN(void, done, (sq_done *, sq_status, sq_str detail));             /* ends shard_close, run, close [shard] */
  SQ_FN(void, written, (sq_done *, const sq_delivery *));        /* ends a write [shard] */
  SQ_FN(uint64_t, now_ns, (sq_shard *));                                /* monotonic, read now [any] */
  /* The last reading that the shard itself took: at the latest when it took up the event that runs
     now.  Costs nothing; right for what has just arrived, wrong for what begins now. [shard] */
  SQ_FN(uint64_t, recent_ns, (sq_shard *));
  SQ_FN(uint32_t, index, (sq_shard *));                                 /* 0..shards-1 [any] */
  /* Run p->fn(p->ctx) on the loop.  Wait-free for the caller, no allocation.  SQ_E_CLOSED once
     the shard stops: fn will not run.  The handle stays valid until fini(). [any] */
  SQ_FN(sq_status, post, (sq_shard *, sq_post *p));
  /* Not armed yet.  NULL: no function, or not the shard's thread. [shard] */
  SQ_FN(sq_timer *, timer_new, (sq_shard *, void (*fn)(void *ctx) SQ_NOEXCEPT, void *ctx));
  SQ_FN(void, timer_set, (sq_timer *, uint64_t at_ns));  /* re-arms; 0 disarms [shard] */
  SQ_FN(void, timer_free, (sq_timer *));                 /* no callback after it [shard] */
} sq_loop_api;

/* ---- host extension "squall.fdwatch/1": loops for foreign C libraries ------------------------------ */
#define SQ_FDWATCH_V1 "squall.fdwatch/1"
enum { SQ_FD_READ = 1u, SQ_FD_WRITE = 2u, SQ_FD_ERROR = 4u };
typedef struct sq_fdwatch_api {          /* all [shard] */
  uint32_t struct_size, flags;
  /* Level-triggered.  The fd stays the plugin's; unwatch before closing it.  NULL: the far end is not
     listed, or the fd cannot be watched. */
  SQ_FN(sq_watch *, watch, (sq_shard *, const sq_target *peer /* NULL: not a network fd */, int fd, uint32_t events,
        void (*fn)(void *ctx, int fd, uint32_t events) SQ_NOEXCEPT, void *ctx));
  SQ_FN(sq_status, modify, (sq_watch *, uint32_t events));
  SQ_FN(void, unwatch, (sq_watch *));                    /* no callback after it */
} sq_fdwatch_api;

/* ---- host extension "squall.stream/1": TCP/Unix/TLS client streams for sans-I/O plugins ------------- */
#define SQ_STREAM_V1 "squall.stream/1"
typedef struct sq_connect_opts {         /* plugin-allocated, on the stack */
  uint32_t struct_size, flags;          /* SQ_S_* */
  uint64_t connect_timeout_ns;          /* 0: the target's */
  uint64_t session;                     /* of session_open(): picks source address and client certificate */
  sq_str alpn;                          /* comma-separated; verification, CA, SNI are the target's */
} sq_connect_opts;
enum { SQ_S_NODELAY = 1u << 0,
       SQ_S_DIRECT = 1u << 1 /* write() may answer SQ_DONE */ };
typedef struct sq_stream_info {         /* host-allocated */
  uint32_t struct_size, flags;
  uint64_t resolve_ns, connect_ns, tls_ns;
  sq_str alpn, peer;
} sq_stream_info;
typedef struct sq_stream_events {       /* plugin's constant table, all [shard] */
  uint32_t struct_size, flags;
  SQ_FN(void, on_open, (void *ctx, sq_stream *, const sq_stream_info *));
  /* Returns how many bytes it consumed (<= len).  The rest is kept and shown again, with more
     appended, when more arrives.  len == 0: the peer finished sending. */
  SQ_FN(uint64_t, on_data, (void *ctx, sq_stream *, const uint8_t *data, uint64_t len));
  SQ_FN(void, on_written, (void *ctx, sq_stream *, void *tag));         /* buffers are free again */
  /* Last event, exactly once (also after a failed open and after close()); handle is dead. */
  SQ_FN(void, on_closed, (void *ctx, sq_stream *, sq_status why, uint32_t kind, sq_str detail));
} sq_stream_events;
typedef struct sq_stream_api {
  uint32_t struct_size, flags;
  SQ_FN(sq_status, connect, (sq_shard *, const sq_target *, const sq_connect_opts *, const sq_stream_events *, void *ctx,
                             sq_stream **out));                         /* [shard] */
  /* Buffers stay the plugin's until on_written(tag).  n <= 64.  Writes are sent in order.  SQ_DONE
     (of a stream opened with SQ_S_DIRECT): all is in the kernel already, no on_written comes. [shard] */
  SQ_FN(sq_status, write, (sq_stream *, const sq_buf *bufs, uint32_t n, void *tag));
  SQ_FN(void, read_enable, (sq_stream *, uint32_t on));  /* on after open; off = back-pressure [shard] */
  SQ_FN(void, shutdown, (sq_stream *));                  /* half-close after queued writes [shard] */
  SQ_FN(void, close, (sq_stream *));                     /* abort; on_closed follows [shard] */
  /* Zero copy: bytes of a file; on_written(tag) when all are queued in the kernel. [shard] */
  SQ_FN(sq_status, send_file, (sq_stream *, int fd, uint64_t offset, uint64_t len, void *tag));
  SQ_FN(void, pace, (sq_stream *, uint64_t bytes_per_s));  /* token bucket; 0: none [shard] */
  /* on_written(tag) when the kernel's send queue is empty: the peer has acknowledged all. [shard] */
  SQ_FN(sq_status, flush, (sq_stream *, void *tag));
} sq_stream_api;

/* ---- host extension "squall.target/1": the allow-list ---------------------------------------------- */
#define SQ_TARGET_V1 "squall.target/1"
typedef struct sq_target_info {         /* host-allocated; views valid until fini() */
  uint32_t struct_size, flags;          /* SQ_TG_* */
  sq_str name, scheme, host, path; uint32_t port, reserved;
} sq_target_info;
enum { SQ_TG_TLS = 1u << 0 };
typedef struct sq_tls_info {            /* host-allocated; files are PEM paths, empty: none */
  uint32_t struct_size, flags;          /* SQ_TLS_* */
  sq_str ca, cert, key, server_name;
} sq_tls_info;
enum { SQ_TLS_INSECURE = 1u << 0 /* do not verify: the scenario says so */ };
/* What became of a connection.  REUSED: a request went out on one that an earlier request, or a step that
   only connects, had opened.  The others are for libraries with sockets of their own (the host counts its
   streams itself): established, ended before that, ended by the peer after it. */
enum { SQ_CN_REUSED, SQ_CN_OPENED, SQ_CN_FAILED, SQ_CN_CLOSED_BY_PEER };
typedef struct sq_target_api {
  uint32_t struct_size, flags;
  SQ_FN(const sq_target_info *, info, (const sq_target *));                          /* [any] */
  /* For redirects and server references: the listed target that this URL belongs to, or NULL. [any] */
  SQ_FN(const sq_target *, match, (sq_str url));
  /* For libraries with sockets of their own: resolves in the background and checks the addresses; text is
     a literal such as "127.0.0.1" or "::1", or several with a space between, in the order to try.  An fd of
     such a library is watched with its target. [shard] */
  SQ_FN(sq_status, resolve, (sq_shard *, const sq_target *,
        void (*fn)(void *ctx, sq_status, sq_str text) SQ_NOEXCEPT, void *ctx));
  /* For libraries with TLS and sockets of their own: what this session uses on this target.  tls: the struct
     and its texts live until the next call on this thread; NULL: each session has a certificate of its own
     there, and this one has none (class tls).  The view of local_address is empty when the kernel may
     choose. [shard] */
  SQ_FN(const sq_tls_info *, tls, (const sq_target *, uint64_t session));
  SQ_FN(sq_str, local_address, (const sq_target *, uint64_t session));
  /* Counts one for the connections of this target in the result; what: SQ_CN_*. [shard] */
  SQ_FN(void, note, (sq_shard *, const sq_target *, uint32_t what));
} sq_target_api;

/* ---- host extension "squall.datagram/1" -------------------------------------------------------------- */
#define SQ_DATAGRAM_V1 "squall.datagram/1"
typedef struct sq_dgram_events {         /* plugin's constant table, all [shard] */
  uint32_t struct_size, flags;
  /* The target's name has an address: from now on send() takes packets.  Never from inside open(); NULL: not told. */
  SQ_FN(void, on_open, (void *ctx, sq_dgram *));
  SQ_FN(void, on_receive, (void *ctx, sq_dgram *, const sq_buf *packets, uint32_t n));
  /* Before on_open: there will be no socket (EHOSTUNREACH: the name has no address; EMFILE ...), close() it.
     After it: ICMP of an earlier packet, nobody knows of which; the socket goes on. */
  SQ_FN(void, on_error, (void *ctx, sq_dgram *, int32_t sys_errno));
} sq_dgram_events;
typedef struct sq_dgram_api {
  uint32_t struct_size, flags;
  /* session: as of its streams, it chooses the source address. */
  SQ_FN(sq_status, open, (sq_shard *, const sq_target *, uint64_t session, const sq_dgram_events *, void *ctx, sq_dgram **out));
  /* How many the kernel took, the first of them; it keeps none of the others.  0: before on_open, or the
     socket's buffer is full.  < 0: the first can never go (SQ_E_INVALID: too long; SQ_E_IO). */
  SQ_FN(int32_t, send, (sq_dgram *, const sq_buf *packets, uint32_t n));
  SQ_FN(void, close, (sq_dgram *));                                      /* no callback after it; all [shard] */
} sq_dgram_api;

/* ---- host extension "squall.source/1": bodies of any size without a copy ----------------------------- */
#define SQ_SOURCE_V1 "squall.source/1"
typedef struct sq_chunk {               /* frozen: memory (fd < 0) or a file range */
  sq_buf mem; int32_t fd; uint32_t reserved; uint64_t offset, len;
} sq_chunk;
typedef struct sq_source_api {
  uint32_t struct_size, flags;
  SQ_FN(uint64_t, size, (sq_source *));                                  /* UINT64_MAX: until it ends [shard] */
  /* Next part of at most max bytes; valid until release() of the call. len 0: the end. [shard] */
  SQ_FN(sq_status, next, (sq_source *, uint64_t max, sq_chunk *out));
  SQ_FN(sq_status, rewind, (sq_source *));                               /* for a redirect [shard] */
} sq_source_api;

/* ---- host extension "squall.samples/1": what happens outside a call ---------------------------------- */
#define SQ_SAMPLES_V1 "squall.samples/1"
typedef struct sq_samples_api {
  uint32_t struct_size, flags;
  /* e.g. ("mqtt.delivery", "latency"); equal ones are one.  Population and task come from the session.
     NULL: no memory. [any] */
  SQ_FN(sq_series *, series, (sq_str operation, sq_str name));
  SQ_FN(void, record, (sq_shard *, uint64_t session, sq_series *, uint64_t due_ns, uint64_t end_ns,
                       uint32_t outcome, uint32_t kind, uint64_t bytes));  /* [shard] */
  SQ_FN(void, count, (sq_shard *, uint64_t session, sq_series *, uint64_t n));  /* lost, duplicate ... [shard] */
} sq_samples_api;

/* ---- plugin interface "squall.tasks/1": compiled virtual-user behaviour ------------------------------ */
#define SQ_TASKS_V1 "squall.tasks/1"
typedef struct sq_task {                /* weights, rates, budgets, on_start: the scenario's, not here */
  uint32_t struct_size, flags; const char *name, *doc;  /* "browse": a population says "shop.browse" */
  const sq_param *const *options;       /* NULL-terminated; what `with` gives, the same for all users */
  const char *const *sets;              /* NULL or NULL-terminated: variables that it set()s for the scenario's steps */
  const char *const *metrics;           /* NULL or NULL-terminated: those that it reports by metric() */
} sq_task;
typedef struct sq_tasks {
  uint32_t struct_size, flags;
  const char *name;                     /* "shop" */
  const sq_task *const *tasks;          /* NULL-terminated; index = position */
  /* Once for each use in the scenario, before the run. */
  SQ_FN(sq_status, task_open, (uint32_t index, const sq_pair *opts, uint64_t n, void **task, sq_error *));  /* [main] */
  SQ_FN(void, task_close, (void *task));                                                    /* [main] */
  /* What this plugin's tasks keep for one user, from its first of them to its end. */
  SQ_FN(sq_status, user_open, (sq_user *, void **self, sq_error *));                       /* [shard] */
  SQ_FN(void, user_close, (void *self));                /* also when a pass never ended [shard] */
  /* One pass; a user makes one at a time.  Exactly one done() follows, from inside run() or later:
     SQ_OK; SQ_DONE: ends the whole iteration and is no failure; SQ_E_CLOSED: after a cancel; any other
     error: a failed step, and detail (a few words, few different ones) says why. [shard] */
  SQ_FN(void, run, (void *self, void *task, sq_done *));
  /* The pass must end: what it waits for ends with SQ_E_CLOSED, calls in flight are cancelled.  done()
     within 5 s; idempotent. [shard] */
  SQ_FN(void, cancel, (void *self));
} sq_tasks;

/* ---- host extension "squall.users/1": what a task uses, between run() and done() -------------------- */
#define SQ_USERS_V1 "squall.users/1"
typedef struct sq_call_events {         /* plugin's constant table, [shard] */
  uint32_t struct_size, flags;
  SQ_FN(void, on_done, (sq_call *));    /* from the loop */
} sq_call_events;
typedef struct sq_user_info {           /* host-allocated; valid until the pass ends */
  uint32_t struct_size, flags;
  uint64_t index, iteration, session;   /* session: as sq_samples.record wants it */
  sq_str population, task;
} sq_user_info;
typedef struct sq_users_api {           /* all [shard] */
  uint32_t struct_size, flags;
  SQ_FN(sq_shard *, shard, (sq_user *));
  SQ_FN(const sq_user_info *, info, (sq_user *));
  /* An operation such as "http.get" with values by parameter name, prepared once for all users: equal
     binds give the same operation.  `to` (text: a target's name), `name`, `timeout` (duration) and `tags` (map) are
     as in a step.  Bit i of *fixed: the value of params[i] is part of the operation; the others are slots,
     given to call() in their order, and of their values only the types count here.  n <= 64. */
  SQ_FN(sq_status, bind, (sq_user *, sq_str op, const sq_pair *params, uint64_t n, sq_opref **, uint64_t *fixed, sq_error *));
  /* args, one a slot, must live until on_done.  NULL: the pass must end, or this user cannot make calls. */
  SQ_FN(sq_call *, call, (sq_user *, sq_opref *, const sq_value *args, uint32_t n,
                          const sq_call_events *, void *owner_data));
  SQ_FN(sq_status, output, (sq_call *, sq_str name, sq_str key, sq_value *out));   /* valid to release() */
  /* The verdict on an answer: SQ_K_NONE: it is as expected, also when its code alone would fail it;
     SQ_K_STATUS, SQ_K_CHECK: failed, and why says so in a few words.  The first failure stands. */
  SQ_FN(void, judge, (sq_call *, uint32_t kind, sq_str why));
  SQ_FN(void, cancel, (sq_call *));                      /* on_done still comes */
  SQ_FN(void, release, (sq_call *));     /* once, after on_done; the sample is recorded here */
  /* Think time: the next call is due when it ends.  fn comes early with SQ_E_CLOSED when the pass must end. */
  SQ_FN(sq_status, wait, (sq_user *, uint64_t ns, void (*fn)(void *ctx, sq_status) SQ_NOEXCEPT, void *ctx));
  SQ_FN(uint64_t, random, (sq_user *));  /* next of this user's seeded stream */
  SQ_FN(uint32_t, stopping, (sq_user *));  /* the pass must end */
  SQ_FN(sq_status, get, (sq_user *, sq_str name, sq_value *out));        /* ${name} as a step sees it; valid until the next get() */
  SQ_FN(sq_status, set, (sq_user *, sq_str name, const sq_value *));     /* iteration scope; copied */
  SQ_FN(sq_status, group_begin, (sq_user *, sq_str name, sq_str type));  /* one sample at the end; nests */
  SQ_FN(sq_status, group_end, (sq_user *, uint32_t outcome));            /* SQ_OUT_OK: by what happened inside */
  SQ_FN(sq_status, metric, (sq_user *, sq_str name, double value));      /* declared by the task or the scenario */
  /* A sample of the task's own, in no total: something that is no call.  Few different names. */
  SQ_FN(sq_status, sample, (sq_user *, sq_str name, uint64_t begin_ns, uint64_t end_ns, uint32_t outcome, uint32_t kind));
} sq_users_api;

/* ---- host extension "squall.records/1" ---------------------------------------------------------------- */
#define SQ_RECORDS_V1 "squall.records/1"
typedef struct sq_record sq_record;
typedef struct sq_records_api {         /* all [shard] */
  uint32_t struct_size, flags;
  SQ_FN(uint32_t, any_free, (sq_user *, sq_str dataset));                /* asks, does not lock */
  /* An exclusive record whose columns have these values (texts); fn comes from the loop, with SQ_E_TIMEOUT
     after timeout_ns (0: none), SQ_E_CLOSED when the pass must end.  One at a time. */
  SQ_FN(sq_status, acquire, (sq_user *, sq_str dataset, const sq_pair *where, uint64_t n, uint64_t timeout_ns,
        void (*fn)(void *ctx, sq_status, sq_record *) SQ_NOEXCEPT, void *ctx, sq_error *));
  SQ_FN(sq_status, field, (const sq_record *, sq_str column, sq_str *out));   /* valid until release */
  SQ_FN(void, release, (sq_user *, sq_record *));                        /* else at the iteration's end */
} sq_records_api;

/* ---- plugin interface "squall.output/1": result sinks ------------------------------------------------- */
#define SQ_OUTPUT_V1 "squall.output/1"
/* Smallest value in ns of bucket i; it goes up to that of the next.  Exact to 1023 ns, then 512 buckets to
   each doubling.  Frozen like the struct. */
#define SQ_HIST_LOW(i) ((uint32_t)(i) < 1024u ? (uint64_t)(uint32_t)(i) : \
    (uint64_t)((uint32_t)(i) % 512u + 512u) << ((uint32_t)(i) / 512u - 1u))
typedef struct sq_hist {                /* frozen; sparse: count[k] values in bucket index[k], indices rise */
  const uint32_t *index; const uint64_t *count; uint64_t n; uint64_t total, sum_ns, min_ns, max_ns;
} sq_hist;
typedef struct sq_error_count { uint32_t kind; int32_t code; sq_str detail; uint64_t count; } sq_error_count; /* frozen */
typedef struct sq_series_desc {         /* host-allocated; sent once, before its first use */
  uint32_t struct_size, id;
  sq_str population, task, name, operation, type, agent;
  const sq_pair *tags; uint64_t n_tags;
} sq_series_desc;
typedef struct sq_window {              /* host-allocated; step with stride; deltas of one second */
  uint32_t series, flags;               /* SQ_W_* */
  uint64_t count, failed, bytes_out, bytes_in;
  sq_hist response, service;
  const sq_error_count *errors; uint64_t n_errors;         /* their counts add up to failed */
  uint64_t told;                        /* of a series of squall.samples/1: by count() */
} sq_window;
/* WARMUP: of operations due before the end of the warm-up; a series may have one window with and one
   without it in the same second. */
enum { SQ_W_FINAL = 1u << 0, SQ_W_WARMUP = 1u << 1 };
/* Frozen.  users, users.POPULATION, in_flight, busy, lag_p99_s, probe.NAME, metric.NAME; counter.NAME: what
   a metric of kind counter grew by in this second.  Those without a value in it are left out. */
typedef struct sq_gauge { sq_str name; double value; } sq_gauge;
typedef struct sq_event { uint64_t unix_ns; sq_str kind, text; } sq_event;  /* frozen: the journal */
typedef struct sq_sample {              /* host-allocated; only to outputs that ask; step with stride */
  uint32_t series, user, outcome, kind; int32_t code; uint32_t reserved;
  uint64_t iteration, due_ns, start_ns, first_byte_ns, end_ns, bytes_out, bytes_in;
  sq_str detail, record;
} sq_sample;
typedef struct sq_batch {               /* host-allocated */
  uint32_t struct_size, flags; uint64_t number;            /* 0, 1, 2 ...: makes resends idempotent */
  uint64_t begin_unix_ns, end_unix_ns, mono_to_unix_ns;    /* add to a sample's times */
  const sq_series_desc *const *series; uint64_t n_series;  /* new since the last batch */
  const sq_window *windows; uint64_t n_windows, window_stride;
  const sq_sample *samples; uint64_t n_samples, sample_stride;
  const sq_gauge *gauges; uint64_t n_gauges;
  const sq_event *events; uint64_t n_events;
} sq_batch;
struct sq_delivery { uint32_t struct_size, retry; uint64_t delivered, rejected; sq_str why; };  /* plugin-allocated */
enum { SQ_OUTPUT_SAMPLES = 1u << 0, SQ_OUTPUT_ERRORS_ONLY = 1u << 1 };
typedef struct sq_output {
  uint32_t struct_size, flags;
  const char *name;
  const sq_param *const *options;
  SQ_FN(sq_status, open, (sq_shard *io, const sq_pair *opts, uint64_t n, void **inst, sq_error *)); /* [shard io] */
  /* One batch at a time; valid until written().  The host queues, spools and drops; retry != 0: show it
     again later.  accepted = delivered + rejected + spooled + dropped is the host's sum. [shard io] */
  SQ_FN(void, write, (void *inst, const sq_batch *, sq_done *));
  SQ_FN(void, close, (void *inst, sq_done *));                     /* flush, then done() [shard io] */
} sq_output;

/* ---- reserved: no table has these ids yet, and nobody else may give them a meaning ---------------------- */
#define SQ_DATASET_V1 "squall.dataset/1"  /* plugin interface: data sets that a plugin reads */
#define SQ_OFFLOAD_V1 "squall.offload/1"  /* host extension: long computations on threads of the host */

#ifdef __cplusplus
}
#endif
#endif /* SQ_ABI_H */
