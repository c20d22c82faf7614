#include "trailer.hpp"

#include <bit>
#include <cstring>
#include <fstream>

namespace squall::mqtt {
namespace {

constexpr uint32_t kMagic = 0x31547173;  // "sqT1"
static_assert(std::endian::native == std::endian::little, "the trailer is copied as it lies");

uint32_t hash(std::string_view text) {  // FNV-1a: a name for a clock, nothing secret
  uint32_t value = 2166136261u;
  for (const char byte : text) value = (value ^ static_cast<uint8_t>(byte)) * 16777619u;
  return value;
}

}  // namespace

void Trailer::append_to(std::string& payload) const {
  char bytes[kSize];
  std::memcpy(bytes, &stream, 8);
  std::memcpy(bytes + 8, &sequence, 8);
  std::memcpy(bytes + 16, &sent_ns, 8);
  std::memcpy(bytes + 24, &clock, 4);
  std::memcpy(bytes + 28, &kMagic, 4);
  payload.append(bytes, kSize);
}

std::optional<Trailer> Trailer::of(std::string_view payload) {
  if (payload.size() < kSize) return std::nullopt;
  const char* bytes = payload.data() + payload.size() - kSize;
  uint32_t magic;
  std::memcpy(&magic, bytes + 28, 4);
  if (magic != kMagic) return std::nullopt;
  Trailer trailer;
  std::memcpy(&trailer.stream, bytes, 8);
  std::memcpy(&trailer.sequence, bytes + 8, 8);
  std::memcpy(&trailer.sent_ns, bytes + 16, 8);
  std::memcpy(&trailer.clock, bytes + 24, 4);
  return trailer;
}

uint32_t this_clock() {
  static const uint32_t clock = [] {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    return boot.empty() ? 0u : hash(boot) | 1u;
  }();
  return clock;
}

}  // namespace squall::mqtt
