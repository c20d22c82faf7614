// A key of a map in a scenario, as the language's tables list it: what may stand there, what it means. Core's rooms
// that read parts of a scenario have their tables (payload/payload_keys.hpp, scenario/keys.hpp).
#pragma once

#include <span>
#include <string_view>

namespace squall {

struct Key {
  std::string_view name;
  std::string_view type;   // "duration", "text", "list of steps" …; each has its fragment in scenario/schema.cpp
  std::string_view doc;
  bool is_later = false;   // of the language, refused as "not supported yet"
};

struct KeyTable {
  std::string_view name;   // "scenario", "population" …
  std::span<const Key> keys;
};

}  // namespace squall
