// What the host offers to plugins: tables of functions asked for by id ("squall.loop/1").
// main() names them one by one; nothing registers itself.
#pragma once

#include <squall/abi.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace squall {

/// The `sq_host` that every plugin sees. Outlives all plugins, never moves.
/// Thread: offer() before the first plugin is loaded; get_extension and log from any thread.
class Extensions {
 public:
  using Log = std::function<void(std::uint32_t level, std::string_view text)>;

  explicit Extensions(Log log);
  Extensions(const Extensions&) = delete;
  Extensions& operator=(const Extensions&) = delete;

  /// `table` must live to the end of the process.
  void offer(std::string_view id, const void* table, std::uint32_t size);
  const sq_host* host() const { return &root_.abi; }

 private:
  struct Root {
    sq_host abi;  // first, so that a plugin's sq_host* is a Root*
    Extensions* self;
  };
  struct Entry {
    std::string id;
    const void* table;
    std::uint32_t size;
  };

  static const void* get(const sq_host* host, const char* id, std::uint32_t min_size) noexcept;
  static void write_log(const sq_host* host, std::uint32_t level, sq_str text) noexcept;

  Root root_;
  Log log_;
  std::vector<Entry> entries_;
};

}  // namespace squall
