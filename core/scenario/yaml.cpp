#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "payload/number_text.hpp"
#include "scenario/node.hpp"
#include "scenario/yaml_errors.hpp"

namespace squall {
namespace {

struct Stop {};  // too large to go on

// yaml-cpp's events rather than its nodes: aliases are seen before they are expanded, duplicate keys
// before they are lost, and nothing is shared.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, Diagnostics& diagnostics, const ParseLimits& limits)
      : file_(std::move(file)), diagnostics_(diagnostics), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(mark, anchor, "", Node::Kind::null));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    complain(mark, 1, "aliases (*name) are not supported", "use `vars` and ${name}");
    add(make(mark, 0, "", Node::Kind::null));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    Node node = make(mark, anchor, tag, Node::Kind::scalar);
    if (text.size() > limits_.scalar_bytes) {
      complain(mark, 1, fmt::format("a text of more than {} bytes; put it into a file", limits_.scalar_bytes));
      throw Stop{};
    }
    node.text = text;
    node.quoted = tag == "!";
    last_text_ = node.mark;
    const std::size_t line_end = text.find('\n');
    node.length = static_cast<std::uint32_t>(std::min(text.size(), line_end)) + (node.quoted && line_end == text.npos ? 2 : 0);
    if (!node.quoted && (text.empty() || text == "~" || text == "null")) node.kind = Node::Kind::null;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) override {
    open(make(mark, anchor, tag, Node::Kind::list), style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) override {
    open(make(mark, anchor, tag, Node::Kind::map), style);
  }
  void OnMapEnd() override { close(); }
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    complain(mark, static_cast<std::uint32_t>(name.size() + 1), "anchors (&name) are not supported", "use `vars` and ${name}");
  }

  Node take() { return std::move(root_); }

  Mark last_text() const { return last_text_; }

  /// Of the innermost list or map in brackets that has not ended yet.
  std::optional<Mark> open_bracket() const {
    return !stack_.empty() && stack_.back().in_brackets ? std::optional(stack_.back().node.mark) : std::nullopt;
  }

 private:
  struct Open {
    Node node;
    bool in_brackets = false;
    bool key_next = true;
    bool skip_value = false;                          // of a key that stood before
    std::unordered_map<std::string, std::size_t> seen;  // key text → index
  };

  void complain(const YAML::Mark& mark, std::uint32_t length, std::string message, std::string hint = {}) {
    diagnostics_.add({file_, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1),
                      length, std::move(message), std::move(hint)});
  }

  Node make(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag, Node::Kind kind) {
    if (++nodes_ > limits_.nodes) {
      complain(mark, 1, fmt::format("more than {} values in one file", limits_.nodes));
      throw Stop{};
    }
    (void)anchor;  // OnAnchor has said it
    if (!tag.empty() && tag != "!" && tag != "?")
      complain(mark, 1, fmt::format("tags ({}) are not supported", tag));
    Node node;
    node.kind = kind;
    node.mark = {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
    return node;
  }

  void open(Node node, YAML::EmitterStyle::value style) {
    if (stack_.size() >= limits_.depth) {
      diagnostics_.add({file_, node.mark.line, node.mark.column, 1, fmt::format("nested deeper than {} levels", limits_.depth), {}});
      throw Stop{};
    }
    stack_.push_back({std::move(node), style == YAML::EmitterStyle::Flow, true, false, {}});
  }
  void close() {
    Node node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = stack_.back();
    if (top.node.is_list()) {
      top.node.items.push_back(std::move(node));
      return;
    }
    if (top.key_next) {
      add_key(top, std::move(node));
    } else if (!top.skip_value) {
      top.node.items.push_back(std::move(node));
    }
    top.key_next = !top.key_next;
  }

  void add_key(Open& top, Node key) {
    top.skip_value = false;
    const auto at = [&](std::string message, std::string hint = {}) {
      diagnostics_.add({file_, key.mark.line, key.mark.column, key.length, std::move(message), std::move(hint)});
      top.skip_value = true;
    };
    if (key.is_null() && key.text.empty()) return at("a key is missing before ':'");
    if (key.kind == Node::Kind::list || key.is_map()) return at(fmt::format("a key is a word, this is {}", key.kind_name()));
    key.kind = Node::Kind::scalar;  // a key may be called null
    if (key.text == "<<") return at("merging of maps (<<) is not supported", "use `vars` and ${name}");
    const auto [seen, is_new] = top.seen.emplace(key.text, top.node.keys.size());
    if (!is_new) return at(fmt::format("duplicate key '{}'", key.text), fmt::format("it stands first in line {}", top.node.keys[seen->second].mark.line));
    top.node.keys.push_back(std::move(key));
  }

  std::string file_;
  Diagnostics& diagnostics_;
  ParseLimits limits_;
  std::size_t nodes_ = 0;
  std::vector<Open> stack_;
  Node root_;
  Mark last_text_{1, 1};
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i].text == key) return &items[i];
  return nullptr;
}

const char* Node::kind_name() const {
  switch (kind) {
    case Kind::null: return "nothing";
    case Kind::scalar: return "a single value";
    case Kind::list: return "a list";
    case Kind::map: return "a map";
  }
  return "";
}

Node parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics, const ParseLimits& limits) {
  if (text.size() > limits.bytes) {
    diagnostics.add({file, 1, 1, 1, fmt::format("the file has more than {} MiB", limits.bytes >> 20), {}});
    return {};
  }
  diagnostics.add_source(file, std::string(text));
  const auto add = [&](SyntaxError mistake) {
    diagnostics.add({file, mistake.mark.line, mistake.mark.column, 1, std::move(mistake.message), std::move(mistake.hint)});
  };
  if (auto mistake = mistake_of_bytes(text)) {
    add(std::move(*mistake));
    return {};
  }
  TreeBuilder builder(file, diagnostics, limits);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    Node root = builder.take();
    if (auto mistake = mistake_of_last_text(text, builder.last_text())) {
      add(std::move(*mistake));
      return {};
    }
    Diagnostics ignored;
    TreeBuilder rest(file, ignored, limits);
    if (parser.HandleNextDocument(rest)) {
      const Node second = rest.take();
      diagnostics.add({file, second.mark.line, second.mark.column, 1, "a second document; a scenario is one", "remove the line '---' before it"});
    }
    return root;
  } catch (const Stop&) {
    return {};
  } catch (const YAML::Exception& e) {
    const Mark at{static_cast<std::uint32_t>(std::max(e.mark.line, 0) + 1), static_cast<std::uint32_t>(std::max(e.mark.column, 0) + 1)};
    add(explain_syntax(text, at, e.msg, builder.open_bracket()));
    return {};
  }
}

Value scalar_value(const Node& scalar) {
  if (scalar.is_null()) return {};
  if (scalar.quoted) return Value{scalar.text};
  const std::string& text = scalar.text;
  if (text == "true" || text == "false") return Value{text == "true"};
  const std::size_t digits = text.find_first_not_of("+-");
  const bool leading_zero = digits != text.npos && text[digits] == '0' && digits + 1 < text.size() &&
                            text[digits + 1] >= '0' && text[digits + 1] <= '9';
  Number number;
  if (!leading_zero && parse_number(text, number)) {
    if (number.is_whole) return Value{number.whole};
    return Value{number.real};
  }
  return Value{text};
}

}  // namespace squall
