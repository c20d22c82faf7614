#include "subject.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <squall/testing/fake_host.hpp>

#include <algorithm>

#include "board.hpp"
#include "reason.hpp"

namespace squall::plugin_check {
namespace {

const void* no_table(const sq_host*, const char*, std::uint32_t) noexcept { return nullptr; }
void no_log(const sq_host*, std::uint32_t, sq_str) noexcept {}
constexpr sq_host kNothing{sizeof(sq_host), SQ_ABI_MAJOR, SQ_ABI_MINOR, "nothing", "0", no_table, no_log};

template <class Table>
const Table* interface(const sq_plugin& root, const char* id) {
  const void* const table = root.get_interface(id);
  if (table != root.get_interface(id)) find(fmt::format("get_interface(\"{}\") gives another table when it is asked again", id));
  return static_cast<const Table*>(table);
}

}  // namespace

bool Subject::is_wanted(const char* operation) const {
  return only.empty() || std::ranges::find(only, std::string_view(operation)) != only.end();
}

bool load(Subject& subject) {
  at("loading it");
  void* const library = ::dlopen(subject.path.c_str(), RTLD_NOW | RTLD_LOCAL);   // never unloaded (R7)
  const auto entry = library ? reinterpret_cast<sq_plugin_entry_fn>(::dlsym(library, SQ_ENTRY_SYMBOL)) : nullptr;
  if (!entry) {
    find(::dlerror());
    return false;
  }
  at("its entry");
  subject.root = entry();
  if (subject.root != entry()) find("the entry gives another description when it is asked again");
  const sq_plugin& root = *subject.root;

  at("init");
  Reason reason;
  if (!reason.accepts("init", root.init(subject.has_nothing ? &kNothing : &fake::Host::root(), reason.room()))) {
    if (!subject.has_nothing) find(fmt::format("init failed: {}", reason.text()));
    return false;
  }
  at("get_interface");
  subject.protocol = interface<sq_protocol>(root, SQ_PROTOCOL_V1);
  subject.tasks = interface<sq_tasks>(root, SQ_TASKS_V1);
  subject.output = interface<sq_output>(root, SQ_OUTPUT_V1);
  for (const char* id : {"", "squall.protocol/2", "squall.nothing/1", SQ_DATASET_V1, SQ_OFFLOAD_V1}) {
    if (root.get_interface(id)) find(fmt::format("get_interface(\"{}\") gives a table: what nobody knows is NULL", id));
  }
  board().has_protocol = subject.protocol != nullptr;
  board().has_tasks = subject.tasks != nullptr;
  board().has_output = subject.output != nullptr;
  return true;
}

}  // namespace squall::plugin_check
