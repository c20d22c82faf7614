// A host for outputs inside a test: it loads the library, drives its table, and keeps what the plugin says of each
// batch. Posts from threads of the plugin's own run when the test waits for them. Not in one file with fake_host.hpp:
// both are the host. SQUALL_PLUGIN_DIR, a text, is the folder of the plugin.
//
//   using namespace squall::fake;
//   const sq_output& table = load_output("table");              // libtable.so
//   sq_done account;                                            // what it says
//   void* sink = nullptr;
//   table.open(nullptr, options, 1, &sink, &error);
//   Batch batch(0);
//   const sq_series_desc page = series(0, "page");
//   batch.series = {&page};
//   batch.add_window(0).count = 3;
//   table.write(sink, batch.view(), &account);                  // account.delivered, .rejected, .why
//   table.close(sink, &account);                                // account.done, .status
#pragma once
#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <squall/output.hpp>
#include <squall/testing/check.hpp>
#include <squall/testing/done.hpp>
#include <string>
#include <vector>

#ifndef SQUALL_PLUGIN_DIR
#error "define SQUALL_PLUGIN_DIR as the folder of the plugin: squall_add_plugin_test() of squall-sdk does"
#endif

namespace squall::fake {

using squall::plugin::str;
using squall::plugin::text_value;
using squall::plugin::view;

/// What the plugin has posted and logged.
struct OutputHost {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<sq_post*> posts;
  std::vector<std::string> log;

  static OutputHost& get() {
    static OutputHost host;
    return host;
  }
  /// Runs posts until `holds()`, which is asked after each.
  template <class Holds>
  void run_until(Holds holds) {
    while (!holds()) {
      std::unique_lock lock(mutex);
      const bool is_posted = changed.wait_for(lock, std::chrono::seconds(30), [&] { return !posts.empty(); });
      check(is_posted, "waited 30 s for a post of the plugin");
      if (!is_posted) return;
      sq_post* const post = posts.front();
      posts.pop_front();
      lock.unlock();
      post->fn(post->ctx);
    }
  }
};

inline const void* get_extension(const sq_host*, const char* id, uint32_t) noexcept {
  constexpr auto done = [](sq_done* done, sq_status status, sq_str detail) noexcept {
    ++done->done;
    done->ended = true;
    done->status = status;
    done->why = std::string(view(detail));
  };
  constexpr auto written = [](sq_done* done, const sq_delivery* delivery) noexcept {
    done->tell(*delivery);
  };
  constexpr auto post = [](sq_shard*, sq_post* post) noexcept -> sq_status {
    OutputHost& host = OutputHost::get();
    const std::lock_guard lock(host.mutex);
    host.posts.push_back(post);
    host.changed.notify_all();
    return SQ_OK;
  };
  static constexpr sq_loop_api kLoop{sizeof kLoop, 0,    done,    written, nullptr, nullptr,
                                     nullptr,      post, nullptr, nullptr, nullptr};
  static constexpr sq_calls_api kCalls{sizeof kCalls, 0, nullptr, nullptr};
  if (std::string_view(id) == SQ_LOOP_V1) return &kLoop;
  if (std::string_view(id) == SQ_CALLS_V1) return &kCalls;
  return nullptr;
}

/// The table of SQUALL_PLUGIN_DIR/libNAME.so, loaded once and never unloaded.
inline const sq_output& load_output(const char* name) {
  static const sq_output* const table = [&] {
    static constexpr sq_host kHost{sizeof kHost,
                                   SQ_ABI_MAJOR,
                                   SQ_ABI_MINOR,
                                   "test",
                                   "0",
                                   get_extension,
                                   [](const sq_host*, uint32_t, sq_str text) noexcept {
                                     OutputHost& host = OutputHost::get();
                                     const std::lock_guard lock(host.mutex);
                                     host.log.emplace_back(view(text));
                                   }};
    const std::string path = std::string(SQUALL_PLUGIN_DIR "/lib") + name + ".so";
    void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const auto entry = library ? reinterpret_cast<sq_plugin_entry_fn>(::dlsym(library, SQ_ENTRY_SYMBOL)) : nullptr;
    if (!entry) {
      const char* const why = ::dlerror();
      check(false, path + ": " + (why ? why : "no entry"));
      std::abort();
    }
    const sq_plugin* const root = entry();
    sq_error error{};
    check(root->init(&kHost, &error) == SQ_OK, error.text);
    check(root->get_interface(SQ_PROTOCOL_V1) == nullptr, "an output that is a protocol, too");
    return static_cast<const sq_output*>(root->get_interface(SQ_OUTPUT_V1));
  }();
  return *table;
}

// ---- a batch whose parts are easy to add -------------------------------------------------------

/// A host of a later minor: its structs are longer than the plugin's.
struct LongSample {
  sq_sample sample;
  uint64_t later[3];
};
struct LongWindow {
  sq_window window;
  uint64_t later;
};

struct Batch {
  explicit Batch(uint64_t number) {
    abi.struct_size = sizeof abi;
    abi.number = number;
    abi.begin_unix_ns = 1'795'000'000'000'000'000 + number * 1'000'000'000;
    abi.end_unix_ns = abi.begin_unix_ns + 1'000'000'000;
    abi.mono_to_unix_ns = 1'795'000'000'000'000'000;
  }
  const sq_batch* view() {
    abi.series = series.data();
    abi.n_series = series.size();
    abi.samples = reinterpret_cast<const sq_sample*>(samples.data());
    abi.n_samples = samples.size();
    abi.sample_stride = sizeof(LongSample);
    abi.windows = reinterpret_cast<const sq_window*>(windows.data());
    abi.n_windows = windows.size();
    abi.window_stride = sizeof(LongWindow);
    abi.gauges = gauges.data();
    abi.n_gauges = gauges.size();
    abi.events = events.data();
    abi.n_events = events.size();
    return &abi;
  }
  sq_sample& add_sample(uint32_t series_id) {
    LongSample& added = samples.emplace_back();
    added.sample.series = series_id;
    added.sample.user = 5;
    added.sample.iteration = 7;
    added.sample.due_ns = 1'000;
    added.sample.start_ns = 1'200;
    added.sample.first_byte_ns = 2'000;
    added.sample.end_ns = 3'500;
    added.sample.code = 200;
    added.sample.bytes_out = 100;
    added.sample.bytes_in = 4'000'000'000;
    return added.sample;
  }
  sq_window& add_window(uint32_t series_id) {
    sq_window& window = windows.emplace_back().window;
    window.series = series_id;
    return window;
  }
  sq_batch abi{};
  std::vector<const sq_series_desc*> series;
  std::vector<LongSample> samples;
  std::vector<LongWindow> windows;
  std::vector<sq_gauge> gauges;
  std::vector<sq_event> events;
};

inline sq_series_desc series(uint32_t id, std::string_view name) {
  sq_series_desc desc{};
  desc.struct_size = sizeof desc;
  desc.id = id;
  desc.population = str("visitors");
  desc.task = str("visit");
  desc.name = str(name);
  desc.operation = str("http.get");
  desc.type = str("request");
  return desc;
}

}  // namespace squall::fake
