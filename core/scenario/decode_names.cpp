// Names: vars, environment, secrets, datasets, and what steps capture, set and acquire.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "payload/suggestion.hpp"
#include "scenario/decoder.hpp"

namespace squall {
namespace {

constexpr std::string_view kRoots[] = {"user", "arrival", "env", "secret", "arg", "now", "setup"};

std::string upper(std::string_view name) {
  std::string result;
  for (const char c : name)
    result += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '-' || c == '.' ? '_' : c;
  return result;
}

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

/// The key or value of a tree that says `word`: as a whole, or else within its text.
const Node* find_mention(const Node& tree, std::string_view word) {
  const auto search = [&](auto&& self, const Node& node, bool whole) -> const Node* {
    const auto says = [&](const Node& n) { return whole ? n.text == word : n.text.find(word) != n.text.npos; };
    for (const Node& key : node.keys)
      if (says(key)) return &key;
    if (node.is_scalar() && says(node)) return &node;
    for (const Node& item : node.items)
      if (const Node* found = self(self, item, whole)) return found;
    return nullptr;
  };
  if (word.empty()) return nullptr;
  const Node* exact = search(search, tree, true);
  return exact ? exact : search(search, tree, false);
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

/// A value given on the command line or in the environment: as it would be read in the file.
Node parse_given(const std::string& text) {
  Diagnostics mistakes;
  Node node = parse_yaml(text, "", mistakes);
  const bool is_structure = text.starts_with('[') || text.starts_with('{');
  if (mistakes.has_errors() || (!is_structure && !node.is_scalar())) {
    node = Node{};
    node.kind = Node::Kind::scalar;
    node.text = text;
  }
  const auto forget = [](auto&& self, Node& at) -> void {
    at.mark = {};
    for (Node& item : at.items) self(self, item);
    for (Node& key : at.keys) self(self, key);
  };
  forget(forget, node);
  return node;
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
    const std::string_view near = closest(key.text, candidates);
    decoder.error(key, fmt::format("unknown key '{}' {}", key.text, where),
                  near.empty() ? place_of_key(key.text) : fmt::format("did you mean '{}'?", near));
  }
}

// ---- messages

void Decoder::error(const Node& at, std::string message, std::string hint) {
  error(at.mark, at.length, std::move(message), std::move(hint));
}

void Decoder::error(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  diagnostics_.add({file_, mark.line, mark.column, std::max(length, 1u), std::move(message), std::move(hint)});
}

void Decoder::warn(Mark mark, std::string message, std::string hint) {
  scenario_.warnings.push_back(message);
  diagnostics_.add({file_, mark.line, mark.column, 1, std::move(message), std::move(hint), Severity::warning});
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
  const Node* at = &tree;
  // The last quoted word is the most exact one: "field 'a': unknown name 'b'".
  std::string_view rest = std::string_view(message).substr(before.size());
  for (std::size_t open = rest.find('\''); open != rest.npos; open = rest.find('\'')) {
    const std::size_t close = rest.find('\'', open + 1);
    if (close == rest.npos) break;
    if (const Node* found = find_mention(tree, rest.substr(open + 1, close - open - 1))) at = found;
    rest.remove_prefix(close + 1);
  }
  error(*at, std::move(message), hint.empty() ? std::move(own_hint) : std::move(hint));
}

std::string Decoder::suggestion(std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  if (const std::string_view near = closest(name, candidates); !near.empty()) return fmt::format("did you mean '{}'?", near);
  if (known.empty()) return fmt::format("there is no {} here", kind);
  return known.size() <= 8 ? fmt::format("there {} {}", known.size() == 1 ? "is" : "are", fmt::join(known, ", ")) : std::string();
}

void Decoder::unknown(const Node& at, std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
  error(at, fmt::format("unknown {} '{}'", kind, name), suggestion(kind, name, known));
}

// ---- vars, environment

void Decoder::decode_vars(const Node* node) {
  std::vector<std::string> names;
  if (node && node->is_map()) {
    for (std::size_t i = 0; i < node->keys.size(); ++i) {
      const Node& key = node->keys[i];
      if (std::ranges::find(kRoots, key.text) != std::end(kRoots))
        error(key, fmt::format("a var cannot be called '{}', which templates know already", key.text));
      if (key.text.find_first_of("${}():. ") != key.text.npos)
        error(key, fmt::format("a var's name is letters, digits, '_' and '-', this is '{}'", key.text));
      names.push_back(key.text);
      vars_[key.text] = node->items[i];
      if (const auto given = environment("SQUALL_VAR_" + upper(key.text))) vars_[key.text] = parse_given(*given);
    }
  } else if (node && !node->is_null()) {
    error(*node, fmt::format("'vars' is a map of values, this is {}", node->kind_name()));
  }
  for (const auto& [name, text] : options_.vars) {
    if (vars_.contains(name)) {
      vars_[name] = parse_given(text);
      continue;
    }
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    const std::string_view near = closest(name, candidates);
    option_error(fmt::format("--set {}: no such var in the scenario", name),
                 !near.empty() ? fmt::format("did you mean '{}'?", near) : std::string());
  }
}

std::optional<std::string> Decoder::environment(const std::string& name) const {
  if (options_.env) return options_.env(name);
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

Result<Reference> Decoder::resolve(std::string_view name, const NameScope& scope, std::string& hint) {
  const std::size_t dot = name.find('.');
  const std::string_view root = name.substr(0, dot);
  const std::string rest(dot == name.npos ? "" : name.substr(dot + 1));
  const auto fixed = [](Value value) { return Reference{.kind = Reference::Kind::constant, .index = 0, .column = 0, .value = std::move(value)}; };
  const auto only_varying = [&]() -> std::optional<Error> {
    if (scope.varies) return std::nullopt;
    hint = "generators and users' names stand in steps and payloads";
    return Error{fmt::format("'{}' cannot stand here: this value is read once", name)};
  };

  if (root == "env" && dot != name.npos) {
    if (!scope.env) {
      hint = "make it a var, and use that here";
      return Error{fmt::format("'{}' cannot stand here: the environment is read in targets, outputs and vars", name)};
    }
    const auto found = environment(rest);
    if (!found) hint = fmt::format("set {}, or give a default: ${{env.{}:-…}}", rest, rest);
    return fixed(found ? Value{*found} : Value{});
  }
  if (root == "secret" && dot != name.npos) {
    if (const auto found = environment("SQUALL_SECRET_" + rest)) return fixed(Value{*found});
    if (const auto path = environment("SQUALL_SECRET_" + rest + "_FILE")) {
      std::ifstream in(*path, std::ios::binary);
      std::string secret{std::istreambuf_iterator<char>(in), {}};
      if (!in) return Error{fmt::format("the file that SQUALL_SECRET_{}_FILE names cannot be read", rest)};
      while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
      return fixed(Value{std::move(secret)});
    }
    hint = fmt::format("set SQUALL_SECRET_{} or SQUALL_SECRET_{}_FILE", rest, rest);
    return Error{fmt::format("no secret '{}'", rest)};
  }
  if (root == "arg" && scope.args) return fixed(Value{fmt::format("${{{}}}", name)});
  if (root == "user" || root == "arrival") {
    if (auto error = only_varying()) return *error;
    if (name == "user.index") return Reference{.kind = Reference::Kind::user_index, .index = 0, .column = 0, .value = {}};
    if (name == "user.iteration") return Reference{.kind = Reference::Kind::user_iteration, .index = 0, .column = 0, .value = {}};
    if (name == "arrival.index") return Reference{.kind = Reference::Kind::arrival_index, .index = 0, .column = 0, .value = {}};
    hint = "there are user.index, user.iteration, arrival.index";
    return Error{fmt::format("unknown name '{}'", name)};
  }
  if (root == "setup") return Error{fmt::format("'{}': setup is not supported yet", name)};

  const auto column_of = [&](const Dataset& data, std::string_view kind) -> Result<std::uint32_t> {
    if (const auto column = data.column(rest)) return *column;
    if (data.columns().empty()) return 0u;  // its file was not read, or has a mistake of its own
    const std::vector<std::string_view> columns(data.columns().begin(), data.columns().end());
    const std::string_view near = closest(rest, columns);
    hint = near.empty() ? fmt::format("its columns are {}", fmt::join(columns, ", ")) : fmt::format("did you mean '{}'?", near);
    if (rest.empty()) return Error{fmt::format("'{}' is a {}; name one of its columns", root, kind)};
    return Error{fmt::format("dataset '{}' has no column '{}'", data.name, rest)};
  };

  if (scope.locals) {
    if (const auto local = scope.locals->find(root); local != scope.locals->end()) {
      std::uint32_t slot = local->second.slot;
      if (local->second.dataset != kNone) {
        auto column = column_of(*scenario_.datasets[local->second.dataset], "record");
        if (!column) return column.error();
        slot += *column;
      } else if (!rest.empty()) {
        return Error{fmt::format("'{}' is a single value and has no '{}'", root, rest)};
      }
      return Reference{.kind = Reference::Kind::local, .index = slot, .column = 0, .value = {}};
    }
  }
  for (std::uint32_t i = 0; i < scenario_.datasets.size(); ++i) {
    const Dataset& data = *scenario_.datasets[i];
    if (data.name != root) continue;
    if (auto error = only_varying()) return *error;
    if (data.pick == Pick::exclusive) {
      hint = fmt::format("write 'acquire: {{ from: {}, as: r }}' before, and ${{r.{}}} here", root, rest);
      return Error{fmt::format("records of '{}' are exclusive: a step must acquire one first", root)};
    }
    auto column = column_of(data, "dataset");
    if (!column) return column.error();
    return Reference{.kind = Reference::Kind::field, .index = i, .column = *column, .value = {}};
  }
  if (const auto var = vars_.find(root); var != vars_.end()) {
    if (!rest.empty()) return Error{fmt::format("var '{}' has no '{}'", root, rest)};
    if (std::ranges::find(used_vars_, var->first) != used_vars_.end())
      return Error{fmt::format("vars refer to each other in a circle: {}", var->first)};
    used_vars_.push_back(var->first);
    const auto found = value(var->second, NameScope{.env = true});
    used_vars_.pop_back();
    if (!found) return Error{fmt::format("var '{}' has no value", root)};
    return fixed(*found);
  }

  std::vector<std::string> known;
  for (const auto& [var, node] : vars_) known.push_back(var);
  if (scope.locals)
    for (const auto& [local, place] : *scope.locals) {
      if (place.dataset == kNone) { known.push_back(local); continue; }
      for (const std::string& column : scenario_.datasets[place.dataset]->columns()) known.push_back(local + "." + column);
    }
  if (scope.varies) {
    for (const auto& data : scenario_.datasets)
      if (data->pick != Pick::exclusive) {
        if (data->columns().empty()) known.push_back(data->name + "." + rest);  // its file has a mistake of its own
        for (const std::string& column : data->columns()) known.push_back(data->name + "." + column);
      }
    known.insert(known.end(), {"user.index", "user.iteration", "arrival.index"});
  }
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  if (const std::string_view near = closest(name, candidates); !near.empty()) hint = fmt::format("did you mean '{}'?", near);
  return Error{fmt::format("unknown name '{}'", name)};
}

std::uint32_t Decoder::add_state(std::string_view id) {
  if (id.empty()) return states_++;
  const auto [found, is_new] = state_ids_.try_emplace(std::string(id), states_);
  if (is_new) ++states_;
  return found->second;
}

// ---- what steps make

void Decoder::collect_made(const Node& steps, Made& made) {
  const auto add = [&](const Node& key, const std::string& name, std::uint32_t dataset, bool kept) {
    made.names.try_emplace(name, key, dataset);
    if (kept) made.kept.insert(name);
  };
  for (const Node& step : steps.items) {
    if (!step.is_map()) continue;
    const Node* keep = step.find("keep");
    const bool step_keeps = keep && keep->text == "user";
    for (std::size_t i = 0; i < step.keys.size(); ++i) {
      const std::string& word = step.keys[i].text;
      const Node& what = step.items[i];
      if (word == "capture" || word == "set") {
        for (std::size_t k = 0; k < what.keys.size(); ++k) {
          const Node* inner_keep = what.items[k].find("keep");
          add(what.keys[k], what.keys[k].text, kNone, step_keeps || (inner_keep && inner_keep->text == "user"));
        }
      } else if (word == "acquire") {
        const Node* from = what.is_map() ? what.find("from") : &what;
        const Node* as = what.is_map() ? what.find("as") : nullptr;
        if (from == nullptr || !from->is_scalar()) continue;
        for (std::uint32_t d = 0; d < scenario_.datasets.size(); ++d)
          if (scenario_.datasets[d]->name == from->text) add(as ? *as : *from, as ? as->text : from->text, d, step_keeps);
      } else if (word == "do" && what.is_scalar()) {
        made.does.insert(what.text);
      } else if (word == "either") {
        for (const Node& branch : what.items)
          if (const Node* inner = branch.find("steps")) collect_made(*inner, made);
      } else if (word == "steps" || word == "else") {
        collect_made(what, made);
      }
    }
  }
}

std::uint32_t Decoder::slot_of(const std::string& name, std::uint32_t dataset) {
  const auto [found, is_new] = slots_.try_emplace({name, dataset}, locals_);
  if (is_new) {
    const std::size_t columns = dataset == kNone ? 1 : scenario_.datasets[dataset]->columns().size();
    locals_ += static_cast<std::uint32_t>(std::max<std::size_t>(columns, 1));
  }
  return found->second;
}

void Decoder::add_locals(const Made& made, bool only_kept, Locals& out) {
  for (const auto& [name, place] : made.names) {
    if (only_kept && !made.kept.contains(name)) continue;
    out.try_emplace(name, Local{slot_of(name, place.second), place.second});
  }
}

void Decoder::collect_names() {
  const std::size_t tasks = scenario_.tasks.size();
  made_by_task_.resize(tasks);
  task_locals_.resize(tasks);
  for (std::size_t i = 0; i < tasks; ++i) collect_made(steps_of_task(tasks_node_.items[i]), made_by_task_[i]);

  // A name must not hide another: two things of one name read the same and mean different records.
  for (const Made& made : made_by_task_)
    for (const auto& [name, place] : made.names) {
      const bool is_root = std::ranges::find(kRoots, name) != std::end(kRoots);
      if (is_root) error(place.first, fmt::format("'{}' cannot be a name of yours, templates know it already", name));
      if (vars_.contains(name)) error(place.first, fmt::format("'{}' hides the var of that name", name), "choose another name");
      for (std::uint32_t d = 0; d < scenario_.datasets.size(); ++d)
        if (scenario_.datasets[d]->name == name && d != place.second)
          error(place.first, fmt::format("'{}' hides the dataset of that name", name), "choose another name");
    }

  // Tasks that are done as steps see and are seen: what one captures, the other may use.
  const auto task_named = [&](const std::string& name) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < tasks; ++i)
      if (scenario_.tasks[i].name == name) return i;
    return std::nullopt;
  };
  std::vector<std::set<std::size_t>> together(tasks);
  for (std::size_t i = 0; i < tasks; ++i) together[i].insert(i);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < tasks; ++i)
      for (const std::string& name : made_by_task_[i].does) {
        const auto other = task_named(name);
        if (!other) continue;
        const std::size_t before = together[i].size() + together[*other].size();
        together[i].insert(together[*other].begin(), together[*other].end());
        together[*other].insert(together[i].begin(), together[i].end());
        changed |= together[i].size() + together[*other].size() != before;
      }
  }
  for (std::size_t i = 0; i < tasks; ++i)
    for (const std::size_t other : together[i]) add_locals(made_by_task_[other], false, task_locals_[i]);

  // What a population's users keep is seen by all their tasks.
  const std::size_t populations = scenario_.populations.size();
  made_by_population_.resize(populations);
  population_locals_.resize(populations);
  for (std::size_t p = 0; p < populations; ++p) {
    const Node& node = populations_node_.items[p];
    for (const char* list : {"on_start", "on_stop"})
      if (const Node* steps = node.find(list)) collect_made(*steps, made_by_population_[p]);
    add_locals(made_by_population_[p], false, population_locals_[p]);
    for (const std::string& name : made_by_population_[p].does)
      if (const auto task = task_named(name)) add_locals(made_by_task_[*task], false, population_locals_[p]);
    for (const auto& [task, weight] : scenario_.populations[p].tasks)
      add_locals(made_by_task_[task], true, population_locals_[p]);
    const Locals kept = population_locals_[p];
    for (const auto& [task, weight] : scenario_.populations[p].tasks)
      for (const std::size_t other : together[task]) task_locals_[other].insert(kept.begin(), kept.end());
  }
  for (const Locals& locals : task_locals_) all_locals_.insert(locals.begin(), locals.end());
  for (const Locals& locals : population_locals_) all_locals_.insert(locals.begin(), locals.end());
}

// ---- lookups

std::uint32_t Decoder::protocol_index(const std::string& name, Mark mark) {
  for (std::uint32_t i = 0; i < scenario_.protocols.size(); ++i)
    if (scenario_.protocols[i].name == name) return i;
  scenario_.protocols.push_back({name, {}, mark});
  return static_cast<std::uint32_t>(scenario_.protocols.size() - 1);
}

std::uint32_t Decoder::find_dataset(const Node& name) {
  for (std::uint32_t i = 0; i < scenario_.datasets.size(); ++i)
    if (scenario_.datasets[i]->name == name.text) return i;
  unknown(name, "dataset", name.text, names_of_datasets());
  return kNone;
}

std::uint32_t Decoder::find_task(const Node& name) {
  for (std::uint32_t i = 0; i < scenario_.tasks.size(); ++i)
    if (scenario_.tasks[i].name == name.text) return i;
  unknown(name, "task", name.text, names_of_tasks());
  return kNone;
}

namespace {
template <typename List>
std::vector<std::string> names_of(const List& list) {
  std::vector<std::string> names;
  for (const auto& item : list) {
    if constexpr (requires { item->name; }) names.push_back(item->name);
    else names.push_back(item.name);
  }
  return names;
}
}  // namespace

std::vector<std::string> Decoder::names_of_targets() const { return names_of(scenario_.targets); }
std::vector<std::string> Decoder::names_of_datasets() const { return names_of(scenario_.datasets); }
std::vector<std::string> Decoder::names_of_payloads() const { return names_of(scenario_.payloads); }
std::vector<std::string> Decoder::names_of_tasks() const { return names_of(scenario_.tasks); }

}  // namespace squall
