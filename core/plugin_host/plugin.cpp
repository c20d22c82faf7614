#include "plugin_host/plugin.hpp"

#include <fmt/format.h>

#include <boost/dll/library_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace squall {
namespace {

constexpr std::string_view kEntryPrefix = "squall_plugin_entry_v";

/// Leaked on purpose: see the header.
std::vector<boost::dll::shared_library>& loaded_libraries() {
  static auto* libraries = new std::vector<boost::dll::shared_library>;
  return *libraries;
}

Error refused(const std::filesystem::path& path, std::string_view why) {
  return Error{fmt::format("plugin {}: {}", path.string(), why)};
}

/// The header alone, so that a truncated or foreign file gets a sentence of its own before the symbol
/// reader (which says "iostream error" to all of them) sees it.
Result<bool> check_elf_header(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return refused(path, fmt::format("cannot be opened: {}", std::strerror(errno)));
  struct stat status {};
  Elf64_Ehdr header{};
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t got = is_file ? ::read(fd, &header, sizeof(header)) : 0;
  ::close(fd);
  if (!is_file) return refused(path, "is not a regular file");
  if (got < 4 || std::string_view(reinterpret_cast<char*>(header.e_ident), 4) != "\177ELF") {
    return refused(path, "is not an ELF shared library");
  }
  if (got < static_cast<ssize_t>(sizeof(header))) return refused(path, "is a truncated ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return refused(path, "is not a 64-bit library");
  if (header.e_type != ET_DYN) return refused(path, "is an ELF file, but not a shared library");
  const std::uint64_t table_end =
      header.e_shoff + std::uint64_t{header.e_shentsize} * header.e_shnum;
  if (header.e_shoff == 0 || table_end > static_cast<std::uint64_t>(status.st_size)) {
    return refused(path, "is a truncated ELF file");
  }
  return true;
}

}  // namespace

Result<bool> inspect_plugin(const std::filesystem::path& path) {
  if (auto header = check_elf_header(path); !header) return header;

  std::vector<std::string> symbols;
  try {
    symbols = boost::dll::library_info(path, /*throw_if_not_native_format=*/true).symbols();
  } catch (const std::exception&) {
    return refused(path, "its symbol table cannot be read (a truncated or damaged file)");
  }
  bool has_entry = false;
  std::string other_major;
  std::vector<std::string> extra;
  for (const std::string& symbol : symbols) {
    if (symbol == SQ_ENTRY_SYMBOL) {
      has_entry = true;
    } else if (symbol.starts_with(kEntryPrefix)) {
      other_major = symbol.substr(kEntryPrefix.size());
    } else if (!symbol.empty()) {
      extra.push_back(symbol);
    }
  }
  if (!has_entry && !other_major.empty()) {
    return refused(path, fmt::format("speaks plugin ABI major {}, this squall speaks entry v1; "
                                     "rebuild it with this squall's SDK", other_major));
  }
  if (!has_entry) {
    return refused(path, fmt::format("is not a squall plugin: it does not export {}", SQ_ENTRY_SYMBOL));
  }
  if (!extra.empty()) {
    return refused(path, fmt::format("exports {} more symbol{} than its entry (the first is {}); "
                                     "link it with the SDK's version script", extra.size(),
                                     extra.size() == 1 ? "" : "s", extra.front()));
  }
  return true;
}

Result<Plugin> load_plugin(const std::filesystem::path& path, const sq_host* host) {
  if (auto inspected = inspect_plugin(path); !inspected) return inspected.error();

  Plugin plugin;
  plugin.path = path;
  sq_plugin_entry_fn entry = nullptr;
  try {
    // The throwing overload: the one with an error_code loses dlerror's text.
    boost::dll::shared_library library(
        path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    entry = reinterpret_cast<sq_plugin_entry_fn>(&library.get<void()>(SQ_ENTRY_SYMBOL));
    loaded_libraries().push_back(std::move(library));
  } catch (const std::exception& failure) {
    return refused(path, fmt::format("cannot be loaded: {}", failure.what()));
  }
  plugin.root = entry();
  if (plugin.root == nullptr) return refused(path, "its entry returned nothing");
  if (plugin.root->struct_size < offsetof(sq_plugin, get_interface) + sizeof(void*)) {
    return refused(path, "its descriptor is too short for this ABI");
  }
  const auto& root = *plugin.root;
  // Until 1.0 is frozen host and plugin must match exactly.
  if (root.abi_major != SQ_ABI_MAJOR || root.abi_minor != SQ_ABI_MINOR) {
    return refused(path, fmt::format("needs plugin ABI {}.{}, this squall has {}.{} (plugin built with: {})",
                                     root.abi_major, root.abi_minor, SQ_ABI_MAJOR, SQ_ABI_MINOR,
                                     root.build_info ? root.build_info : "unknown"));
  }
  if (!root.id || !root.version || !root.init || !root.get_interface) {
    return refused(path, "its descriptor lacks id, version, init or get_interface");
  }
  sq_error error{};
  if (root.init(host, &error) != SQ_OK) {
    error.text[sizeof(error.text) - 1] = 0;
    return refused(path, fmt::format("init failed: {}", error.text));
  }
  plugin.protocol = static_cast<const sq_protocol*>(root.get_interface(SQ_PROTOCOL_V1));
  plugin.output = static_cast<const sq_output*>(root.get_interface(SQ_OUTPUT_V1));
  plugin.tasks = static_cast<const sq_tasks*>(root.get_interface(SQ_TASKS_V1));
  if (plugin.protocol != nullptr) {
    const sq_protocol& p = *plugin.protocol;
    if (p.struct_size < sizeof(sq_protocol) || !p.name || !p.ops || !p.open || !p.close || !p.prepare ||
        !p.unprepare || !p.shard_open || !p.shard_close || !p.session_open || !p.session_close ||
        !p.start || !p.cancel || !p.output || !p.release) {
      return refused(path, "its protocol table is incomplete");
    }
    for (const sq_op* const* op = p.ops; *op; ++op) {
      for (const sq_param* const* param = (*op)->params; param && *param; ++param) {
        const std::string_view name = (*param)->name;
        if (name == "to" || name == "name" || name == "timeout" || name == "tags") {
          return refused(path, fmt::format("{}.{} declares a parameter '{}', which belongs to every operation",
                                           p.name, (*op)->name, name));
        }
      }
    }
  }
  if (plugin.output != nullptr) {
    const sq_output& o = *plugin.output;
    if (o.struct_size < sizeof(sq_output) || !o.name || !o.open || !o.write || !o.close) {
      return refused(path, "its output table is incomplete");
    }
  }
  if (plugin.tasks != nullptr) {
    const sq_tasks& t = *plugin.tasks;
    if (t.struct_size < sizeof(sq_tasks) || !t.name || !t.tasks || !t.task_open || !t.task_close || !t.user_open ||
        !t.user_close || !t.run || !t.cancel) {
      return refused(path, "its tasks table is incomplete");
    }
    for (const sq_task* const* task = t.tasks; *task; ++task) {
      if ((*task)->struct_size < sizeof(sq_task) || !(*task)->name) return refused(path, "one of its tasks is incomplete");
    }
  }
  return plugin;
}

}  // namespace squall
