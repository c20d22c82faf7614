// The language as a JSON Schema (draft-07: what yaml-language-server, and so most editors, reads best), made from
// the tables of keys and from what plugins describe. It lets through all that the loader takes, and refuses what a
// schema can express: unknown keys, values of another shape, units that do not exist, keys that are missing.
#pragma once

#include <string>
#include <string_view>

#include "scenario/catalog.hpp"

namespace squall {

/// The schema as indented JSON text with a line feed at its end. Keys that are not supported yet are not in it.
/// Throws std::logic_error when a type text of a table has no fragment, or a map of no table.
std::string scenario_schema(const OperationCatalog& catalog);

/// One line for each key that is supported: map, key, type, meaning, with tabs between them.
std::string list_keys();

}  // namespace squall
