// `for_each: { site: "${sites}" }` in a population or a target: one of each for every value of the list. Inside, the
// name stands for the value, as a var does; in the tasks of such a population it is what a record is elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "scenario/decoder.hpp"

namespace squall {
namespace {

/// What tells the copies apart: the value itself, its `name`, or its place.
std::string suffix_of(const Node& value, std::size_t place) {
  if (value.is_scalar()) return value.text;
  const Node* name = value.find("name");
  return name && name->is_scalar() ? name->text : std::to_string(place + 1);
}

std::string text_of(const Node* value) { return value && value->is_scalar() ? value->text : std::string(); }

bool is_same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.keys.size(); ++i)
    if (a.keys[i].text != b.keys[i].text) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!is_same(a.items[i], b.items[i])) return false;
  return true;
}

}  // namespace

Decoder::Bound::Bound(Decoder& decoder, const Each& each) : decoder_(decoder), name_(each.name) {
  if (!name_.empty()) decoder_.vars_[name_] = each.value;
}

Decoder::Bound::~Bound() {
  if (!name_.empty()) decoder_.vars_.erase(name_);
}

std::vector<Decoder::Each> Decoder::expand_for_each(Node& map, std::string_view kind) {
  std::vector<Each> bound;
  if (!map.is_map()) return bound;
  Node all = map;
  all.keys.clear();
  all.items.clear();
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const Node* wish = map.items[i].is_map() ? map.items[i].find("for_each") : nullptr;
    if (wish == nullptr) {
      all.keys.push_back(map.keys[i]);
      all.items.push_back(map.items[i]);
      bound.emplace_back();
      continue;
    }
    Node body = map.items[i];
    const auto place = std::ranges::find(body.keys, "for_each", &Node::text);
    body.items.erase(body.items.begin() + (place - body.keys.begin()));
    body.keys.erase(place);
    const auto list = list_of_each(*wish);
    for (std::size_t k = 0; list && k < list->second.items.size(); ++k) {
      Node key = map.keys[i];
      const Node& value = list->second.items[k];
      key.text = fmt::format("{}-{}", map.keys[i].text, suffix_of(value, k));
      if (std::ranges::find(all.keys, key.text, &Node::text) != all.keys.end()) {
        error(*wish, fmt::format("two of these values make the {} '{}'", kind, key.text), "give each a `name` of its own");
      }
      all.keys.push_back(std::move(key));
      all.items.push_back(body);
      bound.push_back({list->first, value, map.keys[i].text, loops_.at(list->first).dataset, static_cast<std::uint32_t>(k)});
    }
  }
  map = std::move(all);
  return bound;
}

/// The name and the list of its values.
std::optional<std::pair<std::string, Node>> Decoder::list_of_each(const Node& wish) {
  if (!wish.is_map() || wish.keys.size() != 1) {
    error(wish, fmt::format("'for_each' is a name and the list that it goes through, this is {}", wish.kind_name()), "write `for_each: { site: \"${sites}\" }`");
    return std::nullopt;
  }
  const Node& key = wish.keys[0];
  const Node list = fold(wish.items[0], NameScope{.env = true});
  const auto refuse = [&](std::string text, std::string hint = {}) -> std::optional<std::pair<std::string, Node>> {
    error(key, std::move(text), std::move(hint));
    return std::nullopt;
  };
  if (!list.is_list() || list.items.empty()) {
    if (!(list.is_null() && wish.items[0].is_scalar())) error(wish.items[0], fmt::format("'for_each' goes through a list, this is {}", list.kind_name()), "write `[ A, B ]`");
    return std::nullopt;
  }
  if (is_root(key.text)) return refuse(fmt::format("'{}' cannot be a name of yours, templates know it already", key.text));
  if (vars_.contains(key.text)) return refuse(fmt::format("'{}' hides the var of that name", key.text), "choose another name");
  const bool is_scalars = list.items[0].is_scalar();
  for (const Node& item : list.items) {
    if (item.is_scalar() != is_scalars || !(item.is_scalar() || item.is_map()))
      return refuse(fmt::format("the values of '{}' are texts and numbers, or maps, all alike", key.text));
  }
  if (const auto known = loops_.find(key.text); known != loops_.end()) {
    if (!is_same(known->second.list, list)) return refuse(fmt::format("'{}' goes through another list elsewhere", key.text), "one name, one list");
    return std::pair{key.text, list};
  }
  for (const auto& data : scenario_.datasets)
    if (data->name == key.text) return refuse(fmt::format("'{}' hides the dataset of that name", key.text), "choose another name");
  add_loop(key.text, list);
  return std::pair{key.text, list};
}

/// For tasks, which are decoded once for all populations, the values are records.
void Decoder::add_loop(const std::string& name, const Node& list) {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  if (list.items[0].is_scalar()) columns.emplace_back();   // ${site} alone
  for (const Node& item : list.items)
    for (std::size_t i = 0; i < item.keys.size(); ++i)
      if (item.items[i].is_scalar() && std::ranges::find(columns, item.keys[i].text) == columns.end()) columns.push_back(item.keys[i].text);
  for (const Node& item : list.items) {
    auto& row = rows.emplace_back();
    for (const std::string& column : columns) row.push_back(text_of(item.is_scalar() ? &item : item.find(column)));
  }
  Dataset data = Dataset::of_rows(std::move(columns), rows);
  data.name = name;
  loops_.emplace(name, ListOfEach{list, static_cast<std::uint32_t>(scenario_.datasets.size())});
  scenario_.datasets.push_back(std::make_shared<const Dataset>(std::move(data)));
}

/// A task that uses the name is for populations that give it a value.
void Decoder::check_for_each() {
  for (std::size_t p = 0; p < scenario_.populations.size(); ++p) {
    const PopulationSpec& population = scenario_.populations[p];
    const auto read = datasets_read_by(p);
    for (const auto& [name, loop] : loops_) {
      const bool has_value = std::ranges::find(population.fixed_records, loop.dataset, &std::pair<std::uint32_t, std::uint32_t>::first) != population.fixed_records.end();
      if (has_value || !read.contains(loop.dataset)) continue;
      error(population.mark, static_cast<std::uint32_t>(population.name.size()), fmt::format("a task of population '{}' uses '{}', which has no value here", population.name, name),
            fmt::format("write `for_each: {{ {}: … }}` in the population", name));
    }
  }
}

}  // namespace squall
