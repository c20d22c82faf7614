#include "scenario/include.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "scenario/files.hpp"

namespace squall {
namespace {

constexpr std::string_view kIncludable[] = {"profile", "vars", "targets", "data", "payloads"};

void set_file(Node& node, std::uint32_t file) {
  node.mark.file = file;
  for (Node& key : node.keys) set_file(key, file);
  for (Node& item : node.items) set_file(item, file);
}

Node* find(Node& map, std::string_view key) { return const_cast<Node*>(std::as_const(map).find(key)); }

class Includer {
 public:
  Includer(const std::string& folder, std::vector<std::string>& files, Diagnostics& diagnostics)
      : folder_(folder), files_(files), diagnostics_(diagnostics) {}

  void include(Node& root, const Node& name) {
    if (!name.is_scalar() || name.text.empty()) {
      return error(name, "'include' is a file of settings, or a list of them", "write `include: settings.yaml`");
    }
    std::filesystem::path full;
    if (std::string why = refuse_path(folder_, name.text, full); !why.empty()) return error(name, std::move(why));
    const std::string shown = (std::filesystem::path(folder_) / name.text).string();
    if (std::ranges::find(files_, shown) != files_.end()) return error(name, fmt::format("'{}' is included already", name.text));
    const auto text = read_text(full.string());
    if (!text) return error(name, fmt::format("'{}': {}", name.text, text.error().text));
    Node settings = parse_yaml(*text, shown, diagnostics_);
    files_.push_back(shown);
    set_file(settings, static_cast<std::uint32_t>(files_.size() - 1));
    if (settings.is_null()) return;
    if (!settings.is_map()) return error(settings, fmt::format("settings are a map of keys, this is {}", settings.kind_name()));
    for (std::size_t i = 0; i < settings.keys.size(); ++i) merge(root, settings.keys[i], settings.items[i]);
  }

 private:
  void merge(Node& root, const Node& key, Node& value) {
    if (std::ranges::find(kIncludable, key.text) == std::end(kIncludable)) {
      return error(key, fmt::format("'{}' cannot stand in an included file", key.text),
                   fmt::format("it may have {}", fmt::join(kIncludable, ", ")));
    }
    Node* const own = find(root, key.text);
    if (own == nullptr || own->is_null()) {
      if (own) {
        *own = std::move(value);
      } else {
        root.keys.push_back(key);
        root.items.push_back(std::move(value));
      }
      return;
    }
    if (!own->is_map() || !value.is_map()) return stands_already(key, *own);
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      if (const Node* const same = own->find(value.keys[i].text)) {
        stands_already(value.keys[i], *same);
        continue;
      }
      own->keys.push_back(value.keys[i]);
      own->items.push_back(std::move(value.items[i]));
    }
  }

  void stands_already(const Node& key, const Node& own) {
    error(key, fmt::format("'{}' stands in {} already", key.text, files_[own.mark.file]), "keep one of the two");
  }

  void error(const Node& at, std::string message, std::string hint = {}) {
    diagnostics_.add({files_[at.mark.file], at.mark.line, at.mark.column, std::max(at.length, 1u), std::move(message), std::move(hint)});
  }

  const std::string& folder_;
  std::vector<std::string>& files_;
  Diagnostics& diagnostics_;
};

}  // namespace

void include_files(Node& root, const std::string& folder, std::vector<std::string>& files, Diagnostics& diagnostics) {
  const Node* const found = root.find("include");
  if (found == nullptr || found->is_null()) return;
  const Node given = *found;   // root grows meanwhile
  Includer includer(folder, files, diagnostics);
  if (!given.is_list()) return includer.include(root, given);
  for (const Node& name : given.items) includer.include(root, name);
}

}  // namespace squall
