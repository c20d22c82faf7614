// A rule that was broken: what was done. By which plugin, and in which function of it, the turn says.
#pragma once

#include <squall/abi.h>

#include <string_view>

namespace squall::checked {

/// `of`: the shard that it is about, for threads that run none; nullptr: not known. [any]
using Tell = void (*)(sq_shard* of, std::string_view what) noexcept;
/// Who hears of it. [main], before a plugin is loaded
void tell_by(Tell tell);
void tell(std::string_view what, sq_shard* of = nullptr) noexcept;

/// What must be; else it is told.
inline bool must(bool holds, std::string_view what, sq_shard* of = nullptr) noexcept {
  if (!holds) [[unlikely]] tell(what, of);
  return holds;
}

/// Not NULL with a length.
constexpr bool is_view(sq_str text) { return text.ptr || text.len == 0; }
constexpr bool is_view(const void* items, std::uint64_t count) { return items || count == 0; }

}  // namespace squall::checked
