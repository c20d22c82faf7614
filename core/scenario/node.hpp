// The file as a tree whose every node knows its place: YAML (and JSON, which is YAML) with the traps
// taken out. Anchors, aliases, tags and duplicate keys are refused, sizes are limited, `yes` is a text and
// 0777 is not 511. What keys mean is not known here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "payload/value.hpp"
#include "scenario/diagnostics.hpp"
#include "scenario/scenario.hpp"

namespace squall {

struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string text;                 // of a scalar, as written
  bool quoted = false;              // "10" is a text, 10 is a number
  Mark mark;                        // line 0: not from the file (--set, environment)
  std::uint32_t length = 1;         // bytes in the source, as far as known
  std::vector<Node> keys;           // of a map, in the file's order
  std::vector<Node> items;          // of a list, or a map's values

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  /// Of a map; nullptr when absent.
  const Node* find(std::string_view key) const;
  const char* kind_name() const;    // "a list", for messages
};

struct ParseLimits {
  std::size_t bytes = 16u << 20;
  std::size_t depth = 64;
  std::size_t nodes = 1'000'000;
  std::size_t scalar_bytes = 1u << 20;
};

/// One document. Mistakes go to `diagnostics`; a tree with a syntax error is null, one with duplicate keys
/// keeps the first of them.
Node parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics, const ParseLimits& limits = {});

/// A scalar's value as YAML 1.2 reads it: null, true/false, decimal numbers, else text; quoted is text.
/// Decimal means as a person writes it: 007 and 1_000 are text.
Value scalar_value(const Node& scalar);

}  // namespace squall
