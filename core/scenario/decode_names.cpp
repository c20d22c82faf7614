// Names: vars, environment, secrets, datasets; what `${…}` stands for at a place.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "scenario/decoder.hpp"

namespace squall {
namespace {

constexpr std::size_t kMaxExpansions = 10'000;  // of vars in vars: ten of ten of ten … is a bomb

std::string upper(std::string_view name) {
  std::string result;
  for (const char c : name)
    result += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '-' || c == '.' ? '_' : c;
  return result;
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

// ---- vars, environment

void Decoder::decode_vars(const Node* node) {
  std::vector<std::string> names;
  if (node && node->is_map()) {
    for (std::size_t i = 0; i < node->keys.size(); ++i) {
      const Node& key = node->keys[i];
      if (is_root(key.text))
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
    option_error(fmt::format("--set {}: no such var in the scenario", name), did_you_mean_one_of(name, names));
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
    const auto keep_secret = [&](std::string secret) {
      if (std::ranges::find(scenario_.secrets, secret) == scenario_.secrets.end()) scenario_.secrets.push_back(secret);
      return fixed(Value{std::move(secret)});
    };
    if (const auto found = environment("SQUALL_SECRET_" + rest)) return keep_secret(*found);
    if (const auto path = environment("SQUALL_SECRET_" + rest + "_FILE")) {
      std::ifstream in(*path, std::ios::binary);
      std::string secret{std::istreambuf_iterator<char>(in), {}};
      if (!in) return Error{fmt::format("the file that SQUALL_SECRET_{}_FILE names cannot be read", rest)};
      while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
      return keep_secret(std::move(secret));
    }
    hint = fmt::format("set SQUALL_SECRET_{} or SQUALL_SECRET_{}_FILE", rest, rest);
    return Error{fmt::format("no secret '{}'", rest)};
  }
  if (root == "arg" && scope.args) return fixed(Value{fmt::format("${{{}}}", name)});
  if (root == "user" || root == "arrival") {
    if (auto error = only_varying()) return *error;
    if (scope.for_life && (name == "user.iteration" || name == "arrival.index")) {
      hint = kForLifeHint;
      return Error{fmt::format("'{}' cannot stand here: it changes during a user's life", name)};
    }
    if (name == "user.index") return Reference{.kind = Reference::Kind::user_index, .index = 0, .column = 0, .value = {}};
    if (name == "user.iteration") return Reference{.kind = Reference::Kind::user_iteration, .index = 0, .column = 0, .value = {}};
    if (name == "arrival.index") return Reference{.kind = Reference::Kind::arrival_index, .index = 0, .column = 0, .value = {}};
    hint = "there are user.index, user.iteration, arrival.index";
    return Error{fmt::format("unknown name '{}'", name)};
  }
  if (root == "setup" && dot != name.npos) return resolve_setup(rest, scope, hint);

  const auto column_of = [&](const Dataset& data, std::string_view kind) -> Result<std::uint32_t> {
    if (const auto column = data.column(rest)) return *column;
    if (data.columns().empty()) return 0u;  // its file was not read, or has a mistake of its own
    hint = did_you_mean_one_of(rest, data.columns());
    const bool is_other_separator = data.columns().size() == 1 && data.columns()[0].find_first_of(";\t|") != std::string::npos;
    if (is_other_separator) hint = fmt::format("its one column is '{}': CSV is separated by commas here", data.columns()[0]);
    else if (hint.empty()) hint = fmt::format("its columns are {}", fmt::join(data.columns(), ", "));
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
  const auto var = vars_.find(root);   // before a dataset of that name: inside a `for_each` it is the value itself
  for (std::uint32_t i = 0; i < scenario_.datasets.size() && var == vars_.end(); ++i) {
    const Dataset& data = *scenario_.datasets[i];
    if (data.name != root) continue;
    if (auto error = only_varying()) return *error;
    if (data.pick == Pick::exclusive) {
      hint = fmt::format("write 'acquire: {{ from: {}, as: r }}' before, and ${{r.{}}} here", root, rest);
      return Error{fmt::format("records of '{}' are exclusive: a step must acquire one first", root)};
    }
    if (scope.for_life && data.pick != Pick::per_user) {
      hint = fmt::format("give '{}' `pick: per_user`", root);
      return Error{fmt::format("records of '{}' change during a user's life", root)};
    }
    if (scope.for_life && data.is_streamed()) {
      hint = fmt::format("give '{}' `stream: false`", root);
      return Error{fmt::format("records of '{}' are streamed, and here they are needed in memory", root)};
    }
    auto column = column_of(data, "dataset");
    if (!column) return column.error();
    if (reader_) reader_->reads.insert(i);
    return Reference{.kind = Reference::Kind::field, .index = i, .column = *column, .value = {}};
  }
  if (var != vars_.end()) {
    const Node* member = rest.empty() ? &var->second : var->second.find(rest);
    if (member == nullptr) {
      std::vector<std::string> members;
      for (const Node& key : var->second.keys) members.push_back(key.text);
      if (!members.empty()) hint = suggestion("name", rest, members);
      return Error{fmt::format("var '{}' has no '{}'", root, rest)};
    }
    if (std::ranges::find(used_vars_, var->first) != used_vars_.end())
      return Error{fmt::format("vars refer to each other in a circle: {}", var->first)};
    if (++expansions_ > kMaxExpansions) return Error{"vars refer to each other too often"};
    used_vars_.push_back(var->first);
    const auto found = value(*member, NameScope{.env = true});
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
      if (scope.for_life ? data->pick == Pick::per_user : data->pick != Pick::exclusive) {
        if (data->columns().empty()) known.push_back(data->name + "." + rest);  // its file has a mistake of its own
        for (const std::string& column : data->columns()) known.push_back(data->name + "." + column);
      }
    known.push_back("user.index");
    if (!scope.for_life) known.insert(known.end(), {"user.iteration", "arrival.index"});
  }
  hint = did_you_mean_one_of(name, known);
  return Error{fmt::format("unknown name '{}'", name)};
}

std::uint32_t Decoder::add_state(std::string_view id) {
  if (id.empty()) return states_++;
  const auto [found, is_new] = state_ids_.try_emplace(std::string(id), states_);
  if (is_new) ++states_;
  return found->second;
}

}  // namespace squall
