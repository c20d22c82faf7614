/* Plugins that are wrong before any operation of theirs begins: EVIL says which. Everything else about them is right. */
#define _GNU_SOURCE
#include <squall/abi.h>

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IS(name) (strcmp(EVIL, name) == 0)

static const sq_loop_api *loop;

static int *volatile nowhere = (int *)8;
static void crash(void) { *nowhere = 1; }

__attribute__((constructor)) static void construct(void) {
  if (IS("constructor")) crash();
}

static sq_status open_it(const sq_pair *options, uint64_t n, void **instance, sq_error *error) {
  (void)options; (void)n; (void)error;
  *instance = (void *)&loop;
  if (IS("open_fails")) return SQ_E_INTERNAL;
  if (IS("open_moves") && chdir("/") != 0) return SQ_E_IO;
  if (IS("open_crashes")) crash();
  if (IS("open_exits")) exit(0);
  return SQ_OK;
}
static void close_it(void *instance) { (void)instance; if (IS("close_crashes")) crash(); }
static sq_status prepare(void *instance, uint32_t op, const sq_binding *bindings, uint32_t n, const sq_wants *wants,
                         void **prepared, sq_error *error) {
  (void)op; (void)bindings; (void)n; (void)wants; (void)error;
  *prepared = instance;
  return SQ_OK;
}
static void unprepare(void *prepared) { (void)prepared; }
static sq_status shard_open(void *instance, sq_shard *shard, void **state, sq_error *error) {
  (void)instance; (void)error;
  *state = shard;
  return SQ_OK;
}
static void shard_close(void *state, sq_done *done) { (void)state; loop->done(done, SQ_OK, (sq_str){"", 0}); }
static sq_status session_open(void *state, uint64_t id, void **session, sq_error *error) {
  (void)id; (void)error;
  *session = state;
  return SQ_OK;
}
static void session_close(void *session) { (void)session; }
static const sq_calls_api *calls;
static void start(void *session, const void *prepared, const sq_value *args, uint32_t n, sq_call *call) {
  (void)session; (void)prepared; (void)args; (void)n;
  calls->complete(call);
}
static void cancel(void *session, sq_call *call) { (void)session; (void)call; }
static sq_status output(void *session, const sq_call *call, uint32_t index, sq_str key, sq_value *out) {
  (void)session; (void)call; (void)index; (void)key; (void)out;
  return SQ_E_INVALID;
}
static void release(void *session, sq_call *call) { (void)session; (void)call; }

static const sq_param odd = {sizeof(sq_param), 99, 0, 0, "odd", "of an unknown type", 0, 0};
static const sq_param nameless = {sizeof(sq_param), SQ_T_STR, 0, 0, 0, "", 0, 0};
static const sq_param timeout = {sizeof(sq_param), SQ_T_STR, 0, 0, "timeout", "squall's own", 0, 0};
static const sq_param *const nothing[] = {0};
static const sq_param *const odds[] = {&odd, 0};
static const sq_param *const namelesses[] = {&nameless, 0};
static const sq_param *const timeouts[] = {&timeout, 0};

static sq_op op = {sizeof(sq_op), 0, "well", "does as it should", nothing, nothing, 0, 0, 0, 0};
static const sq_op *ops[3] = {&op, 0, 0};
static sq_protocol protocol = {sizeof(sq_protocol), 0, "wrong", nothing, ops, open_it, close_it, prepare, unprepare, shard_open,
                               shard_close, session_open, session_close, start, cancel, output, release};

static sq_status init(const sq_host *host, sq_error *error) {
  loop = host->get_extension(host, SQ_LOOP_V1, sizeof(*loop));
  calls = host->get_extension(host, SQ_CALLS_V1, sizeof(*calls));
  if (IS("init_fails")) {
    memset(error->text, 'x', sizeof(error->text));   /* no end */
    return SQ_E_INTERNAL;
  }
  if (IS("init_exits")) exit(0);
  if (IS("init_crashes")) crash();
  if (IS("init_locale")) setlocale(LC_ALL, "C.UTF-8");
  if (IS("init_folder") && chdir("/") != 0) return SQ_E_IO;
  if (IS("init_umask")) umask(0777);
  if (IS("init_signal")) signal(SIGTERM, SIG_IGN);
  if (IS("init_handler")) signal(SIGSEGV, SIG_IGN);
  return SQ_OK;
}
static void fini(void) {}
static const void *get_interface(const char *id) {
  if (strcmp(id, SQ_PROTOCOL_V1) != 0) return 0;
  if (IS("table_short")) protocol.struct_size = 16;
  if (IS("table_holes")) protocol.start = 0;
  if (IS("table_nameless")) protocol.name = 0;
  if (IS("table_flags")) protocol.flags = 2;
  if (IS("op_short")) op.struct_size = 8;
  if (IS("op_flags")) op.flags = SQ_OP_BULK | 1u << 31;
  if (IS("op_twice")) ops[1] = &op;
  if (IS("op_nameless")) op.name = "";
  if (IS("param_odd")) op.params = odds;
  if (IS("param_nameless")) op.outputs = namelesses;
  if (IS("param_reserved")) op.params = timeouts;
  if (IS("name_taken")) protocol.name = "http";
  if (IS("get_crashes")) crash();
  return &protocol;
}

static sq_plugin plugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "org.example.wrong", "1", "wrong: " EVIL, "-", "", 0,
                           init, fini, get_interface};

SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void);
SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) {
  if (IS("entry_null")) return 0;
  if (IS("root_short")) plugin.struct_size = 8;
  if (IS("root_holes")) plugin.init = 0;
  if (IS("root_minor")) plugin.abi_minor = 99;
  if (IS("root_flags")) plugin.flags = 1ull << 40;
  return &plugin;
}
