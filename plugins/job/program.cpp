#include "program.hpp"

#include <sys/stat.h>

#include <charconv>
#include <cmath>

namespace squall::job {
namespace {

using plugin::as_list;
using plugin::as_map;
using plugin::as_text;
using plugin::view;

std::string absolute(const std::string& directory, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  return directory + "/" + std::string(path);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.find('=') == name.npos && name.find('\0') == name.npos;
}

using Variables = std::vector<std::pair<std::string, std::string>>;

void set_variable(Variables& variables, std::string_view name, std::string value) {
  for (auto& [known, old] : variables)
    if (known == name) {
      old = std::move(value);
      return;
    }
  variables.emplace_back(name, std::move(value));
}

}  // namespace

std::optional<FileIdentity> FileIdentity::of(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

bool FileIdentity::operator==(const FileIdentity& other) const {
  return device == other.device && inode == other.inode && size == other.size &&
         modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
}

plugin::Refusal Program::wrong(const std::string& text) const {
  return plugin::invalid("program " + name_ + ": " + text);
}

Program::Program(std::string_view name, const sq_value& description, const std::string& directory)
    : name_(name), directory_(directory) {
  if (description.type != SQ_T_MAP) throw wrong("must be a map with argv");
  const sq_value* argv = nullptr;
  for (const sq_pair& pair : as_map(description)) {
    const std::string_view key = view(pair.key);
    if (key == "argv") {
      argv = &pair.value;
    } else if (key == "cwd") {
      directory_ = absolute(directory, as_text(pair.value));
    } else if (key == "env") {
      for (const sq_pair& variable : as_map(pair.value)) {
        if (!is_variable_name(view(variable.key))) throw wrong("bad name of a variable in env");
        std::string value;
        plugin::append_text(value, variable.value);
        if (value.find('\0') != value.npos) throw wrong("a value in env holds a NUL");
        set_variable(variables_, view(variable.key), std::move(value));
      }
    } else if (key == "args") {
      for (const sq_pair& argument : as_map(pair.value)) {
        ArgumentRule& rule = rules_.emplace_back();
        rule.name = view(argument.key);
        const std::string_view kind = as_text(argument.value);
        if (argument.value.type == SQ_T_LIST && !as_list(argument.value).empty()) {
          rule.kind = ArgumentRule::Kind::kChoice;
          for (const sq_value& choice : as_list(argument.value))
            plugin::append_text(rule.choices.emplace_back(), choice);
        } else if (kind == "int") {
          rule.kind = ArgumentRule::Kind::kInteger;
        } else if (kind == "number") {
          rule.kind = ArgumentRule::Kind::kNumber;
        } else if (kind != "string") {
          throw wrong("argument " + rule.name +
                      " must be string, int, number or a list of choices");
        }
      }
    } else {
      throw wrong("unknown key '" + std::string(key) + "' (known: argv, args, env, cwd)");
    }
  }
  if (!argv || as_list(*argv).empty()) throw wrong("argv is missing or empty");
  for (const sq_value& element : as_list(*argv)) {
    std::string text;
    plugin::append_text(text, element);
    if (text.find('\0') != text.npos) throw wrong("argv holds a NUL");
    elements_.push_back(parse(text));
  }
  const std::vector<Piece>& first = elements_.front();
  if (first.size() != 1 || first[0].argument >= 0)
    throw wrong("the program itself cannot be an argument");
  if (first[0].text.find('/') == std::string::npos)
    throw wrong("'" + first[0].text + "' is not a path (there is no PATH here: write ./" +
                first[0].text + " or an absolute path)");
  path_ = absolute(directory, first[0].text);
  identity_ = FileIdentity::of(path_);
}

std::vector<Program::Piece> Program::parse(std::string_view element) const {
  constexpr std::string_view kOpen = "${arg.";
  std::vector<Piece> pieces;
  for (;;) {
    const size_t begin = element.find(kOpen);
    if (begin == element.npos) break;
    const size_t end = element.find('}', begin);
    if (end == element.npos) throw wrong("'" + std::string(element) + "' lacks a }");
    const std::string_view name = element.substr(begin + kOpen.size(), end - begin - kOpen.size());
    int argument = -1;
    for (size_t i = 0; i < rules_.size(); ++i)
      if (rules_[i].name == name) argument = static_cast<int>(i);
    if (argument < 0) throw wrong("${arg." + std::string(name) + "} is not in its args");
    pieces.push_back({std::string(element.substr(0, begin)), argument});
    element.remove_prefix(end + 1);
  }
  if (!element.empty() || pieces.empty()) pieces.push_back({std::string(element), -1});
  return pieces;
}

std::string Program::checked(const ArgumentRule& rule, const sq_value& value) const {
  std::string text;
  plugin::append_text(text, value);
  const char* end = text.data() + text.size();
  switch (rule.kind) {
    case ArgumentRule::Kind::kText:
      if (value.type == SQ_T_NULL || value.type == SQ_T_LIST || value.type == SQ_T_MAP)
        throw wrong("argument " + rule.name + " must be a string");
      if (text.find('\0') != text.npos) throw wrong("argument " + rule.name + " holds a NUL");
      return text;
    case ArgumentRule::Kind::kInteger: {
      int64_t number = 0;
      if (value.type == SQ_T_F64 && value.u.f64 == std::floor(value.u.f64) &&
          std::abs(value.u.f64) < 0x1p53)
        return std::to_string(static_cast<int64_t>(value.u.f64));
      const auto [last, error] = std::from_chars(text.data(), end, number);
      if (error != std::errc() || last != end || text.empty())
        throw wrong("argument " + rule.name + " must be an integer");
      return std::to_string(number);
    }
    case ArgumentRule::Kind::kNumber: {
      double number = 0;
      const auto [last, error] = std::from_chars(text.data(), end, number);
      if (error != std::errc() || last != end || text.empty() || !std::isfinite(number))
        throw wrong("argument " + rule.name + " must be a number");
      return text;
    }
    case ArgumentRule::Kind::kChoice:
      for (const std::string& choice : rule.choices)
        if (choice == text) return text;
      throw wrong("argument " + rule.name + " must be one of " + joined(rule.choices));
  }
  return text;
}

std::vector<std::string> Program::arguments(std::span<const sq_pair> given) const {
  std::vector<std::optional<std::string>> values(rules_.size());
  for (const sq_pair& pair : given) {
    const std::string_view name = view(pair.key);
    size_t i = 0;
    while (i < rules_.size() && rules_[i].name != name) ++i;
    if (i == rules_.size()) throw wrong("it has no argument '" + std::string(name) + "'");
    values[i] = checked(rules_[i], pair.value);
  }
  std::vector<std::string> argv;
  argv.reserve(elements_.size());
  for (const std::vector<Piece>& element : elements_) {
    std::string& text = argv.emplace_back();
    for (const Piece& piece : element) {
      text += piece.text;
      if (piece.argument < 0) continue;
      const std::optional<std::string>& value = values[static_cast<size_t>(piece.argument)];
      if (!value)
        throw wrong("argument " + rules_[static_cast<size_t>(piece.argument)].name + " is missing");
      text += *value;
    }
  }
  return argv;
}

std::vector<std::string> Program::environment(std::span<const sq_pair> given) const {
  Variables variables = variables_;
  for (const sq_pair& pair : given) {
    std::string value;
    plugin::append_text(value, pair.value);
    if (!is_variable_name(view(pair.key)) || value.find('\0') != value.npos)
      throw wrong("a variable in env has a bad name or holds a NUL");
    set_variable(variables, view(pair.key), std::move(value));
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

bool Program::is_unchanged() const { return !identity_ || identity_ == FileIdentity::of(path_); }

}  // namespace squall::job
