#include "values.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <limits>

namespace squall::plugin_check {
namespace {

// None of them leaves the folder of the test, and none is the name of a program.
constexpr std::string_view kTexts[] = {
    "a", "hello", "", " ", "a b", "0", "-1", "1e9", "true", "a/b", "a/+/c", "#", "/", "?a=b&c", "%00", "%", "${x}", "\"quoted\"",
    "line\nbreak", "\r\n", "tab\t", "<i>", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x8c\xa9", "\xff\xfe", "{\"a\": [1, 2]}", "127.0.0.1", "[::1]:1"};
constexpr std::string_view kJson[] = {"{}", "[]", "0", "null", "\"a\"", "{\"a\": [1, 2.5, null, \"b\"]}", "[1, [2, [3]]]", "{\"\": \"\\u0000\"}"};

sq_value real_value(double number) {
  sq_value value = plugin::make_value(SQ_T_F64);
  value.u.f64 = number;
  return value;
}

}  // namespace

std::string Values::text() {
  if (random_.chance(0.05)) return std::string(random_.one_of(std::to_array<std::size_t>({64, 300, 5'000, 100'000})), 'x');
  if (random_.chance(0.05)) {
    std::string bytes(random_.below(64), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_.below(256));
    return bytes;
  }
  return std::string(random_.one_of(kTexts));
}

sq_value Values::scalar(std::uint32_t type, std::uint32_t unit) {
  using Limits = std::numeric_limits<std::int64_t>;
  constexpr std::int64_t kMs = 1'000'000;
  switch (type) {
    case SQ_T_BOOL: return plugin::bool_value(random_.chance(0.5));
    case SQ_T_F64: return real_value(random_.one_of(std::to_array({0.0, 0.5, 1.0, 10.0, 1e9, -1.0})));
    case SQ_T_DURATION: return plugin::duration_value(std::min(longest_duration_ns, random_.one_of(std::to_array<std::int64_t>({0, 1, kMs, 50 * kMs, 1'000 * kMs, 3'600'000 * kMs}))));
    case SQ_T_I64:
      if (unit == SQ_U_NONE) {
        return plugin::int_value(random_.one_of(std::to_array<std::int64_t>({0, 1, 2, 3, 7, 100, 200, 1'000, 65'535, 65'536, -1, Limits::max(), Limits::min()})));
      }
      return plugin::int_value(random_.one_of(std::to_array<std::int64_t>({0, 1, 100, 1'000, 1 << 20, Limits::max()})));
    case SQ_T_BYTES: return plugin::bytes_value(plugin::view(keep(unit == SQ_U_JSON ? std::string(random_.one_of(kJson)) : text())));
    default: return plugin::text_value(plugin::view(keep(text())));
  }
}

/// As the scenario's reader would: the described type decides.
sq_value Values::read(const std::string& text, const sq_param& param) {
  switch (param.type) {
    case SQ_T_BOOL: return plugin::bool_value(text == "true");
    case SQ_T_I64: return plugin::int_value(std::strtoll(text.c_str(), nullptr, 10));
    case SQ_T_DURATION: return plugin::duration_value(static_cast<std::int64_t>(std::strtod(text.c_str(), nullptr) * 1e9));
    case SQ_T_F64: return real_value(std::strtod(text.c_str(), nullptr));
    case SQ_T_BYTES: return plugin::bytes_value(plugin::view(keep(text)));
    default: return plugin::text_value(plugin::view(keep(text)));
  }
}

sq_value Values::make(const sq_param& param, fake::Host* host) {
  const auto known = given_.find(param.name);
  if (known != given_.end() && param.type != SQ_T_SOURCE && param.type != SQ_T_LIST && param.type != SQ_T_MAP) return read(known->second, param);
  if (param.choices && param.choices[0]) {
    std::size_t count = 0;
    while (param.choices[count]) ++count;
    return read(param.choices[random_.below(count)], param);
  }
  sq_value value = plugin::make_value(param.type);
  switch (param.type) {
    case SQ_T_LIST: {
      std::vector<sq_value> items(random_.below(4));
      for (sq_value& item : items) item = scalar(SQ_T_STR, SQ_U_NONE);
      value.u.list.ptr = items.data();
      value.u.list.len = items.size();
      return store_.copy(value);
    }
    case SQ_T_MAP: {
      std::vector<sq_pair> pairs;
      for (std::size_t i = random_.below(4); i > 0; --i) pairs.push_back({keep(fmt::format("{}{}", random_.one_of(kTexts), i)), scalar(SQ_T_STR, SQ_U_NONE)});
      value.u.map.ptr = pairs.data();
      value.u.map.len = pairs.size();
      return store_.copy(value);
    }
    case SQ_T_SOURCE: {
      if (!host) return plugin::text_value("");
      sq_source* const source = host->make_source(known != given_.end() ? known->second : std::string(random_.one_of(std::to_array<std::size_t>({0, 1, 100, 4'096, 70'000})), 's'));
      source->size_known = random_.chance(0.7);
      if (random_.chance(0.5)) source->piece = 1 + random_.below(5'000);
      value.u.source = source;
      return value;
    }
    case SQ_T_TARGET:
      if (host && !host->targets().empty()) value.u.target = &host->targets().front();
      return value;
    case SQ_T_NULL: return scalar(random_.one_of(std::to_array<std::uint32_t>({SQ_T_STR, SQ_T_I64, SQ_T_BOOL, SQ_T_F64})), SQ_U_NONE);
    default: return scalar(param.type, param.unit);
  }
}

std::vector<sq_pair> Values::options(const sq_param* const* described) {
  std::vector<sq_pair> pairs;
  for (; described && *described; ++described) {
    const sq_param& param = **described;
    const bool is_given = given_.contains(param.name);
    if (is_given || param.flags & SQ_P_REQUIRED || random_.chance(0.5)) pairs.push_back({plugin::str(param.name), make(param)});
  }
  return pairs;
}

std::string show(const sq_value& value) {
  std::string text;
  plugin::append_text(text, value);
  if (text.size() > 40) text = fmt::format("{}… ({} bytes)", text.substr(0, 30), text.size());
  return text;
}

}  // namespace squall::plugin_check
