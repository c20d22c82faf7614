// How mistakes are said: their places, their hints, and unknown keys.
#include <algorithm>

#include <fmt/format.h>

#include "payload/suggestion.hpp"
#include "scenario/decoder.hpp"
#include "scenario/other_words.hpp"

namespace squall {
namespace {

/// What stands in brackets at the end of another room's text is the hint; a place in the text is dropped,
/// since the caret shows it.
std::pair<std::string, std::string> split_hint(std::string message) {
  std::string hint;
  for (std::size_t bracket = message.rfind(" ("); bracket != message.npos && message.ends_with(')') && hint.empty(); bracket = message.rfind(" (")) {
    if (message.compare(bracket, 15, " (at character ") != 0) hint = message.substr(bracket + 2, message.size() - bracket - 3);
    message.resize(bracket);
  }
  return {std::move(message), std::move(hint)};
}

struct Mention {
  const Node* node = nullptr;
  int depth = -1;   // below the tree
};

/// The key or value of a tree that says `word`: as a whole, or else within its text.
Mention find_mention(const Node& tree, std::string_view word) {
  const auto search = [&](auto&& self, const Node& node, int depth, bool whole) -> Mention {
    const auto says = [&](const Node& n) { return whole ? n.text == word : n.text.find(word) != n.text.npos; };
    for (const Node& key : node.keys)
      if (says(key)) return {&key, depth};
    if (node.is_scalar() && says(node)) return {&node, depth - 1};   // as deep as its key
    for (const Node& item : node.items)
      if (const Mention found = self(self, item, depth + 1, whole); found.node) return found;
    return {};
  };
  if (word.empty()) return {};
  const Mention exact = search(search, tree, 0, true);
  return exact.node ? exact : search(search, tree, 0, false);
}

/// The nearest of `known`, or the one that `word` abbreviates.
std::string_view closest(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() < 2) return {};  // every letter is near to every other
  if (const std::string_view near = nearest(word, known); !near.empty()) return near;
  if (word.size() < 3) return {};
  std::string_view found;
  for (const std::string_view candidate : known) {
    if (!candidate.starts_with(word) || candidate == found) continue;
    if (!found.empty()) return {};
    found = candidate;
  }
  return found;
}

/// "'iterations' belongs in stop_after", for a key that stands at the wrong place; "" for an unknown one.
std::string place_of_key(std::string_view text) {
  std::vector<std::string_view> names;
  for (const KeyTable& table : key_tables())
    for (const Key& key : table.keys)
      if (!key.is_later) names.push_back(key.name);
  const std::string_view near = closest(text, names);
  if (near.empty() || near.size() < 4) return "";
  std::string tables;
  for (const KeyTable& table : key_tables())
    if (std::ranges::find(table.keys, near, &Key::name) != table.keys.end()) tables += fmt::format("{}{}", tables.empty() ? "" : " or ", table.name);
  return fmt::format("'{}' belongs in {}", near, tables);
}

std::string hint_for_key(std::string_view key, std::span<const std::string_view> known_here) {
  if (const std::string_view here = here_it_is(key); !here.empty()) return std::string(here);
  if (const std::string_view near = closest(key, known_here); !near.empty()) return fmt::format("did you mean '{}'?", near);
  return place_of_key(key);
}

}  // namespace

MapReader::MapReader(Decoder& decoder, const Node& map, std::span<const Key> keys, std::string where,
                     const std::vector<std::string>& also)
    : map_(map) {
  if (!map.is_map()) return;
  for (const Node& key : map.keys) {
    const auto known = std::ranges::find(keys, key.text, &Key::name);
    if (known != keys.end()) {
      if (known->is_later) decoder.error(key, fmt::format("'{}' is not supported yet", key.text));
      continue;
    }
    if (std::ranges::find(also, key.text) != also.end()) continue;
    std::vector<std::string_view> candidates;
    for (const Key& k : keys)
      if (!k.is_later) candidates.push_back(k.name);
    candidates.insert(candidates.end(), also.begin(), also.end());
    decoder.error(key, fmt::format("unknown key '{}' {}", key.text, where), hint_for_key(key.text, candidates));
  }
}

void Decoder::error(const Node& at, std::string message, std::string hint) {
  error(at.mark, at.length, std::move(message), std::move(hint));
}

void Decoder::error(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  diagnostics_.add({files_[mark.file], mark.line, mark.column, std::max(length, 1u), std::move(message), std::move(hint)});
}

void Decoder::warn(Mark mark, std::string message, std::string hint) {
  scenario_.warnings.push_back(message);
  diagnostics_.add({files_[mark.file], mark.line, mark.column, 1, std::move(message), std::move(hint), Severity::warning});
}

void Decoder::option_error(std::string message, std::string hint) {
  diagnostics_.add({"", 0, 0, 1, std::move(message), std::move(hint)});
}

void Decoder::error_from(const Node& at, const Error& from, std::string_view before) {
  auto [message, hint] = split_hint(std::string(before) + from.text);
  error(at, std::move(message), std::move(hint));
}

void Decoder::error_below(const Node& tree, const Error& from, std::string_view before, std::string hint) {
  auto [message, own_hint] = split_hint(std::string(before) + from.text);
  Mention at{&tree, -1};
  // The quoted word that stands deepest is the most exact one: "field 'a': unknown name 'b'", "unknown key 'b' in 'a'".
  std::string_view rest = std::string_view(message).substr(before.size());
  for (std::size_t open = rest.find('\''); open != rest.npos; open = rest.find('\'')) {
    const std::size_t close = rest.find('\'', open + 1);
    if (close == rest.npos) break;
    if (const Mention found = find_mention(tree, rest.substr(open + 1, close - open - 1)); found.depth >= at.depth && found.node) at = found;
    rest.remove_prefix(close + 1);
  }
  error(*at.node, std::move(message), hint.empty() ? std::move(own_hint) : std::move(hint));
}

bool Decoder::is_root(std::string_view name) {
  static constexpr std::string_view kRoots[] = {"user", "arrival", "env", "secret", "arg", "now", "setup"};
  return std::ranges::find(kRoots, name) != std::end(kRoots);
}

std::string Decoder::did_you_mean_one_of(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = closest(name, candidates);
  return near.empty() ? std::string() : fmt::format("did you mean '{}'?", near);
}

std::string Decoder::suggestion(std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
  if (std::string hint = did_you_mean_one_of(name, known); !hint.empty()) return hint;
  if (known.empty()) return fmt::format("there is no {} here", kind);
  return known.size() <= 8 ? fmt::format("there {} {}", known.size() == 1 ? "is" : "are", fmt::join(known, ", ")) : std::string();
}

void Decoder::unknown(const Node& at, std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
  error(at, fmt::format("unknown {} '{}'", kind, name), suggestion(kind, name, known));
}

}  // namespace squall
