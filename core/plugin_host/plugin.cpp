#include "plugin_host/plugin.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <link.h>

#include <boost/dll/library_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <cstring>
#include <set>
#include <string_view>
#include <vector>

#include "plugin_host/checked/plugin_tables.hpp"
#include "plugin_host/plugin_turn.hpp"
#include "plugin_host/process_state.hpp"

namespace squall {
namespace {

constexpr std::string_view kEntryPrefix = "squall_plugin_entry_v";

constexpr int kFramesMax = 64;
constexpr std::size_t kOutputsMax = 64;   // of an operation: bits of sq_wants.outputs

/// Leaked on purpose: see the header. Here they can be found, by whoever looks for leaks.
std::vector<boost::dll::shared_library>& loaded_libraries() {
  static auto* libraries = new std::vector<boost::dll::shared_library>;
  return *libraries;
}
std::vector<std::unique_ptr<Plugin>>& plugins_for_good() {
  static auto* plugins = new std::vector<std::unique_ptr<Plugin>>;
  return *plugins;
}

// Where each library lies in memory, in a form that a signal handler can read.
struct Place {
  std::uintptr_t begin = 0, end = 0;
  const Plugin* plugin = nullptr;
};
std::array<Place, 256> places;
std::atomic<std::size_t> place_count{0};

void note_place(const Plugin& plugin, const void* inside) {
  Place place{reinterpret_cast<std::uintptr_t>(inside), 0, &plugin};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* context) {
        auto& wanted = *static_cast<Place*>(context);
        std::uintptr_t begin = UINTPTR_MAX, end = 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD) continue;
          begin = std::min<std::uintptr_t>(begin, info->dlpi_addr + part.p_vaddr);
          end = std::max<std::uintptr_t>(end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
        }
        if (wanted.begin < begin || wanted.begin >= end) return 0;
        wanted.begin = begin;
        wanted.end = end;
        return 1;
      },
      &place);
  const std::size_t count = place_count.load(std::memory_order_relaxed);
  if (place.end == 0 || count >= places.size()) return;
  places[count] = place;
  place_count.store(count + 1, std::memory_order_release);
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

namespace {

// What a plugin allocates is as long as its header says: the host asks for the members of 1.0 and for no later one (R3), so the
// sizes of this build's structs are no measure. A last member of 1.0 that is there means all before it are.

/// What a plugin sets that no flag is documented for (R8) could never be given a meaning: it is refused from the start.
std::string mistake_in_flags(std::uint64_t flags, std::uint64_t known, std::string_view of) {
  return flags & ~known ? fmt::format("{} has flags 0x{:x}, which this ABI does not know; words without a meaning are zero", of, flags & ~known)
                        : std::string();
}

/// One sentence about what is wrong with a list of parameters or outputs; "" for nothing.
std::string mistake_in(const sq_param* const* list, const std::string& where) {
  std::set<std::string_view> names;
  for (; list && *list; ++list) {
    const sq_param& param = **list;
    if (!SQ_HAS(&param, choices) || !param.name || !*param.name) {
      return fmt::format("{} describes a parameter that is too short for this ABI or has no name", where);
    }
    if (param.type > SQ_T_SOURCE || param.unit > SQ_U_JSON) {
      return fmt::format("{}: parameter '{}' has type {} and unit {}, which are unknown", where, param.name, param.type,
                         param.unit);
    }
    if (!names.insert(param.name).second) return fmt::format("{} describes '{}' twice", where, param.name);
    if (std::string mistake = mistake_in_flags(param.flags, SQ_P_REQUIRED | SQ_P_STATIC | SQ_P_SECRET,
                                               fmt::format("{}: parameter '{}'", where, param.name)); !mistake.empty()) return mistake;
  }
  return {};
}

std::string mistake_in(const sq_protocol& p) {
  if (!SQ_HAS(&p, release) || !p.name || !*p.name || !p.ops || !p.open || !p.close || !p.prepare ||
      !p.unprepare || !p.shard_open || !p.shard_close || !p.session_open || !p.session_close ||
      !p.start || !p.cancel || !p.output || !p.release) {
    return "its protocol table is incomplete";
  }
  if (std::string mistake = mistake_in_flags(p.flags, 0, fmt::format("protocol {}", p.name)); !mistake.empty()) return mistake;
  if (std::string mistake = mistake_in(p.options, fmt::format("protocol {}", p.name)); !mistake.empty()) return mistake;
  std::set<std::string_view> names;
  for (const sq_op* const* op = p.ops; *op; ++op) {
    if (!SQ_HAS(*op, code_max) || !(*op)->name || !*(*op)->name) {
      return fmt::format("protocol {} describes an operation that is too short for this ABI or has no name", p.name);
    }
    const std::string where = fmt::format("{}.{}", p.name, (*op)->name);
    if (!names.insert((*op)->name).second) return fmt::format("{} is described twice", where);
    if (std::string mistake = mistake_in_flags((*op)->flags, SQ_OP_BULK, where); !mistake.empty()) return mistake;
    std::size_t outputs = 0;
    while ((*op)->outputs && (*op)->outputs[outputs]) ++outputs;
    if (outputs > kOutputsMax) return fmt::format("{} describes {} outputs; sq_wants has a bit for {}", where, outputs, kOutputsMax);
    for (const auto* list : {(*op)->params, (*op)->outputs}) {
      if (std::string mistake = mistake_in(list, where); !mistake.empty()) return mistake;
    }
    for (const sq_param* const* param = (*op)->params; param && *param; ++param) {
      const std::string_view name = (*param)->name;
      if (name == "to" || name == "name" || name == "timeout" || name == "tags") {
        return fmt::format("{} declares a parameter '{}', which belongs to every operation", where, name);
      }
    }
  }
  return {};
}

std::string mistake_in(const sq_output& o) {
  if (!SQ_HAS(&o, close) || !o.name || !*o.name || !o.open || !o.write || !o.close) {
    return "its output table is incomplete";
  }
  if (std::string mistake = mistake_in_flags(o.flags, SQ_OUTPUT_SAMPLES | SQ_OUTPUT_ERRORS_ONLY, fmt::format("output {}", o.name));
      !mistake.empty()) {
    return mistake;
  }
  return mistake_in(o.options, fmt::format("output {}", o.name));
}

std::string mistake_in(const sq_tasks& t) {
  if (!SQ_HAS(&t, cancel) || !t.name || !*t.name || !t.tasks || !t.task_open || !t.task_close || !t.user_open ||
      !t.user_close || !t.run || !t.cancel) {
    return "its tasks table is incomplete";
  }
  if (std::string mistake = mistake_in_flags(t.flags, 0, fmt::format("tasks {}", t.name)); !mistake.empty()) return mistake;
  std::set<std::string_view> names;
  for (const sq_task* const* task = t.tasks; *task; ++task) {
    if (!SQ_HAS(*task, metrics) || !(*task)->name || !*(*task)->name) {
      return fmt::format("tasks {} describe one that is too short for this ABI or has no name", t.name);
    }
    const std::string where = fmt::format("{}.{}", t.name, (*task)->name);
    if (!names.insert((*task)->name).second) return fmt::format("{} is described twice", where);
    if (std::string mistake = mistake_in_flags((*task)->flags, 0, where); !mistake.empty()) return mistake;
    if (std::string mistake = mistake_in((*task)->options, where); !mistake.empty()) return mistake;
  }
  return {};
}

}  // namespace

const char* Plugin::name() const noexcept {
  return protocol ? protocol->name : output ? output->name : tasks ? tasks->name : file.c_str();
}

std::string failure_text(const sq_error& error, sq_status status) {
  const std::string_view text(error.text, strnlen(error.text, sizeof(error.text)));
  return text.empty() ? fmt::format("the plugin gives no reason (status {})", status) : std::string(text);
}

const Plugin* find_plugin_at(const void* address) noexcept {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const std::size_t count = place_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    if (wanted >= places[i].begin && wanted < places[i].end) return places[i].plugin;
  }
  return nullptr;
}

PluginFrame find_plugin_on_stack() noexcept {
  void* frames[kFramesMax];
  const int count = ::backtrace(frames, kFramesMax);
  for (int i = 0; i < count; ++i) {
    if (const Plugin* const plugin = find_plugin_at(frames[i])) return {plugin, frames[i]};
  }
  return {};
}

Result<const Plugin*> load_plugin(const std::filesystem::path& path, const sq_host* host, bool is_checked) {
  if (auto inspected = inspect_plugin(path); !inspected) return inspected.error();

  Plugin& plugin = *plugins_for_good().emplace_back(std::make_unique<Plugin>());
  plugin.path = path;
  plugin.file = path.filename().string();
  const ProcessState before = ProcessState::now();
  sq_plugin_entry_fn entry = nullptr;
  try {
    const PluginTurn turn(&plugin, "its constructors");
    // The throwing overload: the one with an error_code loses dlerror's text.
    boost::dll::shared_library library(
        path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    entry = reinterpret_cast<sq_plugin_entry_fn>(&library.get<void()>(SQ_ENTRY_SYMBOL));
    loaded_libraries().push_back(std::move(library));
  } catch (const std::exception& failure) {
    return refused(path, fmt::format("cannot be loaded: {}", failure.what()));
  }
  note_place(plugin, reinterpret_cast<const void*>(entry));
  {
    const PluginTurn turn(&plugin, SQ_ENTRY_SYMBOL);
    plugin.root = entry();
  }
  if (plugin.root == nullptr) return refused(path, "its entry returned nothing");
  if (!SQ_HAS(plugin.root, get_interface)) {
    return refused(path, "its descriptor is too short for this ABI");
  }
  const auto& root = *plugin.root;
  // R2. Of another major nothing but the version can be read; 0.x, from before the freeze, has the entry of major 1.
  if (root.abi_major != SQ_ABI_MAJOR) {
    return refused(path, fmt::format("was built for plugin ABI {}.{}, this squall has {}.{}; rebuild it with this squall's SDK",
                                     root.abi_major, root.abi_minor, SQ_ABI_MAJOR, SQ_ABI_MINOR));
  }
  if (!root.id || !root.version || !root.init || !root.get_interface) {
    return refused(path, "its descriptor lacks id, version, init or get_interface");
  }
  if (root.abi_minor > SQ_ABI_MINOR) {
    return refused(path, fmt::format("{} {} needs plugin ABI {}.{}, this squall has {}.{} (plugin built with: {}); update squall, or "
                                     "rebuild the plugin with -DSQ_TARGET_MINOR={}",
                                     root.id, root.version, root.abi_major, root.abi_minor, SQ_ABI_MAJOR, SQ_ABI_MINOR,
                                     root.build_info ? root.build_info : "unknown", SQ_ABI_MINOR));
  }
  if (const std::string mistake = mistake_in_flags(root.flags, SQ_PLUGIN_OWN_THREADS, "its descriptor"); !mistake.empty()) {
    return refused(path, mistake);
  }
  sq_error error{};
  {
    const PluginTurn turn(&plugin, "init");
    if (const sq_status status = root.init(host, &error); status != SQ_OK) {
      return refused(path, fmt::format("init failed: {}", failure_text(error, status)));
    }
  }
  if (const std::string change = before.change_until(ProcessState::now()); !change.empty()) {
    return refused(path, fmt::format("its init changed {}, which belongs to the whole process; a plugin leaves that as "
                                     "it is", change));
  }
  const sq_protocol* protocol = nullptr;
  const sq_output* output = nullptr;
  const sq_tasks* tasks = nullptr;
  {
    const PluginTurn turn(&plugin, "get_interface");
    protocol = static_cast<const sq_protocol*>(root.get_interface(SQ_PROTOCOL_V1));
    output = static_cast<const sq_output*>(root.get_interface(SQ_OUTPUT_V1));
    if (protocol) {
      if (const std::string mistake = mistake_in(*protocol); !mistake.empty()) return refused(path, mistake);
    }
    tasks = static_cast<const sq_tasks*>(root.get_interface(SQ_TASKS_V1));
    if (output) {
      if (const std::string mistake = mistake_in(*output); !mistake.empty()) return refused(path, mistake);
    }
    if (tasks) {
      if (const std::string mistake = mistake_in(*tasks); !mistake.empty()) return refused(path, mistake);
    }
  }
  plugin.protocol = protocol;
  plugin.output = output;
  plugin.tasks = tasks;
  if (is_checked) checked::check_plugin(plugin);
  return &plugin;
}

}  // namespace squall
