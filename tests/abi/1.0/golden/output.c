/* An output as somebody wrote it for ABI 1.0, in C11 and with this folder's abi.h.  Frozen: it must go on to work as it is.
   Adds up what it is given, by the strides of the batch, and writes the sums at the end. */
#include <squall/abi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sq_loop_api *loop;

static const sq_param file_param = {.struct_size = sizeof(sq_param), .type = SQ_T_STR, .flags = SQ_P_REQUIRED, .name = "file", .doc = "path"};
static const sq_param *const options[] = {&file_param, NULL};

typedef struct sums {
  FILE *file;
  uint64_t batches, series, count, failed, in_histograms, in_buckets, bucket_errors, samples, sample_bytes, gauges, is_final;
} sums;

static sq_status open_output(sq_shard *io, const sq_pair *opts, uint64_t n, void **inst, sq_error *error) {
  (void)io;
  sums *own = calloc(1, sizeof *own);
  if (!own) return SQ_E_NOMEM;
  for (uint64_t i = 0; i < n; ++i) {
    if (opts[i].key.len != 4 || memcmp(opts[i].key.ptr, "file", 4) != 0) continue;
    char path[4096];
    snprintf(path, sizeof path, "%.*s", (int)opts[i].value.u.str.len, opts[i].value.u.str.ptr);
    own->file = fopen(path, "w");
  }
  if (!own->file) {
    free(own);
    error->code = SQ_E_IO;
    strcpy(error->text, "the file cannot be written");
    return SQ_E_IO;
  }
  *inst = own;
  return SQ_OK;
}

static void add_histogram(sums *own, const sq_hist *hist) {
  own->in_histograms += hist->total;
  for (uint64_t i = 0; i < hist->n; ++i) own->in_buckets += hist->count[i];
  if (hist->n == 0) return;
  own->bucket_errors += hist->min_ns < SQ_HIST_LOW(hist->index[0]);
  own->bucket_errors += hist->max_ns >= SQ_HIST_LOW(hist->index[hist->n - 1] + 1);
}

static void write_batch(void *inst, const sq_batch *batch, sq_done *done) {
  sums *own = inst;
  ++own->batches;
  own->series += batch->n_series;
  own->gauges += batch->n_gauges;
  for (uint64_t i = 0; i < batch->n_windows; ++i) {
    const sq_window *window = (const void *)((const char *)batch->windows + i * batch->window_stride);
    own->count += window->count;
    own->failed += window->failed;
    own->is_final |= window->flags & SQ_W_FINAL;
    add_histogram(own, &window->service);
  }
  for (uint64_t i = 0; i < batch->n_samples; ++i) {
    const sq_sample *sample = (const void *)((const char *)batch->samples + i * batch->sample_stride);
    ++own->samples;
    own->sample_bytes += sample->bytes_out + sample->bytes_in;
  }
  const sq_delivery delivery = {.struct_size = sizeof delivery, .delivered = batch->n_windows + batch->n_samples};
  loop->written(done, &delivery);
}

static void close_output(void *inst, sq_done *done) {
  sums *own = inst;
#define LINE(name) fprintf(own->file, #name " %llu\n", (unsigned long long)own->name)
  LINE(batches); LINE(series); LINE(count); LINE(failed); LINE(in_histograms); LINE(in_buckets); LINE(bucket_errors);
  LINE(samples); LINE(sample_bytes); LINE(gauges); LINE(is_final);
  fclose(own->file);
  free(own);
  const sq_str nothing = {"", 0};
  loop->done(done, SQ_OK, nothing);
}

static const sq_output output = {sizeof(sq_output), SQ_OUTPUT_SAMPLES, "golden_output", options, open_output, write_batch, close_output};

static sq_status init(const sq_host *host, sq_error *error) {
  (void)error;
  loop = host->get_extension(host, SQ_LOOP_V1, sizeof *loop);
  return loop ? SQ_OK : SQ_E_UNSUPPORTED;
}
static void fini(void) {}
static const void *get_interface(const char *id) { return strcmp(id, SQ_OUTPUT_V1) == 0 ? &output : NULL; }

SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void);
SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) {
  static const sq_plugin plugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "org.example.golden_output", "1.0.0", "of ABI 1.0", "MIT",
                                   "cc " __VERSION__, 0, init, fini, get_interface};
  return &plugin;
}
