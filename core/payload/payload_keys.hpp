// Every key of a payload's and a distribution's map: read by their readers, and by whoever prints the language.
#pragma once

#include <initializer_list>
#include <vector>

#include "key.hpp"

namespace squall {

extern const std::span<const Key> kPayloadKinds,      // a payload has exactly one of them
    kPayloadKeys,                                     // what may stand beside it
    kPayloadEachKeys, kPayloadPadKeys, kPayloadPartKeys,
    kDistributionKinds, kDistributionKeys;            // the same of a distribution

/// Is one of them called so?
bool has_key(std::span<const Key> keys, std::string_view name);
/// For hints.
std::vector<std::string_view> names_of(std::initializer_list<std::span<const Key>> tables);

}  // namespace squall
