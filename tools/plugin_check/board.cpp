#include "board.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace squall::plugin_check {
namespace {

template <std::size_t kSize>
void put(char (&room)[kSize], std::string_view text) {
  const std::size_t length = std::min(text.size(), kSize - 1);
  std::memcpy(room, text.data(), length);
  room[length] = '\0';
}

}  // namespace

Board& board() {
  static Board* const shared = [] {
    void* const memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return new (memory) Board{};
  }();
  return *shared;
}

void at(std::string_view where) { put(board().where, where); }

void note(std::string_view text) { put(board().note, text); }

void find(std::string_view text) {
  Board& own = board();
  Board::Finding fresh{};
  put(fresh.text, text);
  for (std::uint32_t i = 0; i < own.findings_count; ++i) {
    if (std::strcmp(own.findings[i].text, fresh.text) != 0) continue;
    ++own.findings[i].times;
    return;
  }
  if (own.findings_count == Board::kFindings) {
    ++own.more;
    return;
  }
  fresh.times = 1;
  put(fresh.where, own.where);
  own.findings[own.findings_count] = fresh;
  ++own.findings_count;
}

void abandon() {
  board().has_ended = true;
  ::_exit(0);
}

}  // namespace squall::plugin_check
