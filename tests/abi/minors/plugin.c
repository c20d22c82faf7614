/* A plugin that minors.py builds with abi.h of today and with abi.h of the next minor, for each target.  It says what it got as what it
   delivered: the batch's number, plus 100 for a table that it asks for, plus 1,000 for each dropped item that the host tells of. */
#include <squall/abi.h>

#include <string.h>

static const sq_loop_api *loop;
static uint64_t bonus;

static sq_status open_output(sq_shard *io, const sq_pair *options, uint64_t n, void **inst, sq_error *error) {
  (void)io, (void)options, (void)n, (void)error;
  *inst = &bonus;
  return SQ_OK;
}
static void write_batch(void *inst, const sq_batch *batch, sq_done *done) {
  sq_delivery delivery = {.struct_size = sizeof delivery, .delivered = batch->number + *(uint64_t *)inst};
#ifdef HAS_GROWN   /* without asking: a host that lacks it does not load what was built for it */
  delivery.delivered += 1000 * batch->dropped;
#endif
  loop->written(done, &delivery);
}
static void close_output(void *inst, sq_done *done) {
  (void)inst;
  const sq_str nothing = {"", 0};
  loop->done(done, SQ_OK, nothing);
}
#ifdef HAS_GROWN
static void pause_output(void *inst, uint64_t ns) { *(uint64_t *)inst += ns; }
#endif

static const sq_output output = {sizeof(sq_output), 0, "minors", NULL, open_output, write_batch, close_output,
#ifdef HAS_GROWN
                                 pause_output
#endif
};

static sq_status init(const sq_host *host, sq_error *error) {
  (void)error;
  loop = host->get_extension(host, SQ_LOOP_V1, sizeof *loop);
#if defined(SQ_CLOCK_V1) && !defined(NO_CLOCK)   /* a table of its own needs no target: absent, it is NULL */
  if (host->get_extension(host, SQ_CLOCK_V1, sizeof(sq_clock_api))) bonus = 100;
#endif
  return loop ? SQ_OK : SQ_E_UNSUPPORTED;
}
static void fini(void) {}
static const void *get_interface(const char *id) { return strcmp(id, SQ_OUTPUT_V1) == 0 ? &output : NULL; }

SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void);
SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) {
  static const sq_plugin plugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "org.example.minors", "2.0.0", "of two minors", "MIT",
                                   "cc", 0, init, fini, get_interface};
  return &plugin;
}
