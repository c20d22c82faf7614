// Text: encodings, digests, padding. Each renders its argument behind `out` and transforms it
// there, so that nothing is allocated in the steady state.
#include <algorithm>

#include "payload/digest.hpp"
#include "payload/expression.hpp"
#include "payload/json_text.hpp"

namespace squall {
namespace {

constexpr std::int64_t kMaxWidth = 1 << 20;

// Renders argument `index` and hands (out, its bytes) to `write`, which appends; then the bytes go
// away.
template <typename Write>
bool transform(Evaluation& evaluation, const CallData& call, std::size_t index, std::string& out,
               Write write) {
  const std::size_t begin = out.size();
  if (!call.arguments[index]->append(evaluation, out)) return false;
  const std::size_t end = out.size();
  // `write` may make `out` grow and move, so it gets its bytes from a place that does not.
  thread_local std::string bytes;
  bytes.assign(out, begin, end - begin);
  out.resize(begin);
  write(bytes);
  return true;
}

// With an argument its digest, without one that of the bytes before the hole.
template <typename Write>
bool digest_of(Evaluation& evaluation, const CallData& call, std::string& out, Write write) {
  if (!call.arguments.empty()) return transform(evaluation, call, 0, out, write);
  thread_local std::string bytes;
  bytes.assign(evaluation.before());
  write(bytes);
  return true;
}

void append_upper_hex(std::string& out, std::uint64_t value, int width) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
}

bool crc16(Evaluation& evaluation, const CallData& call, std::string& out) {
  return digest_of(evaluation, call, out,
                   [&](std::string_view bytes) { append_upper_hex(out, crc16_arc(bytes), 4); });
}

bool crc32(Evaluation& evaluation, const CallData& call, std::string& out) {
  return digest_of(evaluation, call, out, [&](std::string_view bytes) {
    std::string lower;
    append_upper_hex(lower, crc32_of(bytes), 8);
    for (char& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
    out += lower;
  });
}

template <DigestKind kind>
bool digest(Evaluation& evaluation, const CallData& call, std::string& out) {
  return digest_of(evaluation, call, out,
                   [&](std::string_view bytes) { append_digest(out, kind, bytes); });
}

bool hmac_sha256(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::string key;
  if (!call.arguments[0]->append(evaluation, key)) return false;
  return transform(evaluation, call, 1, out,
                   [&](std::string_view bytes) { append_hmac_sha256(out, key, bytes); });
}

// uuid.of(text): version 5 of RFC 9562 in the URL namespace, so that a device keeps its id in every
// run.
bool uuid_of(Evaluation& evaluation, const CallData& call, std::string& out) {
  return transform(evaluation, call, 0, out, [&](std::string_view bytes) {
    std::string named;
    (void)parse_hex("6ba7b811 9dad 11d1 80b4 00c04fd430c8", named);
    named += bytes;
    std::string digits;
    append_digest(digits, DigestKind::sha1, named);
    static constexpr char kVariant[] = "89ab";
    digits[12] = '5';
    const char digit = digits[16];
    digits[16] = kVariant[(digit >= 'a' ? digit - 'a' + 10 : digit - '0') & 3];
    for (std::size_t i : {0u, 8u, 12u, 16u, 20u}) {
      if (i != 0) out += '-';
      out.append(digits, i, i == 0 ? 8 : i == 20 ? 12 : 4);
    }
  });
}

bool base64(Evaluation& evaluation, const CallData& call, std::string& out) {
  return transform(evaluation, call, 0, out,
                   [&](std::string_view bytes) { append_base64(out, bytes); });
}

bool hex_encode(Evaluation& evaluation, const CallData& call, std::string& out) {
  return transform(evaluation, call, 0, out,
                   [&](std::string_view bytes) { append_hex(out, bytes); });
}

// hex.int(n, width): an EUI-64 or a register from a number.
bool hex_int(Evaluation& evaluation, const CallData& call, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::int64_t number = 0, width = 1;
  if (!whole_argument(evaluation, call, 0, "hex.int", 0, INT64_MAX, number)) return false;
  if (call.arguments.size() > 1 && !whole_argument(evaluation, call, 1, "hex.int", 1, 16, width))
    return false;
  while (width < 16 && (number >> (width * 4)) != 0) ++width;
  for (std::int64_t shift = (width - 1) * 4; shift >= 0; shift -= 4)
    out += kHex[(number >> shift) & 15];
  return true;
}

bool url_encode(Evaluation& evaluation, const CallData& call, std::string& out) {
  return transform(evaluation, call, 0, out,
                   [&](std::string_view bytes) { append_url_encoded(out, bytes); });
}

bool json(Evaluation& evaluation, const CallData& call, std::string& out) {
  return call.arguments[0]->append_json(evaluation, out);
}

bool upper(Evaluation& evaluation, const CallData& call, std::string& out) {
  const std::size_t begin = out.size();
  if (!call.arguments[0]->append(evaluation, out)) return false;
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (out[i] >= 'a' && out[i] <= 'z') out[i] = static_cast<char>(out[i] - 'a' + 'A');
  }
  return true;
}

bool lower(Evaluation& evaluation, const CallData& call, std::string& out) {
  const std::size_t begin = out.size();
  if (!call.arguments[0]->append(evaluation, out)) return false;
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] - 'A' + 'a');
  }
  return true;
}

// pad(x, width, fill): zeros (or another character) in front; a minus sign stays in front of zeros.
bool pad(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t width = 0;
  if (!whole_argument(evaluation, call, 1, "pad", 0, kMaxWidth, width)) return false;
  std::string fill = "0";
  if (call.arguments.size() > 2) {
    fill.clear();
    if (!call.arguments[2]->append(evaluation, fill)) return false;
    if (fill.size() != 1) return evaluation.fail("pad: the third argument is one character");
  }
  const std::size_t begin = out.size();
  if (!call.arguments[0]->append(evaluation, out)) return false;
  const auto size = static_cast<std::int64_t>(out.size() - begin);
  if (size >= width) return true;
  const bool has_sign = fill[0] == '0' && size > 0 && out[begin] == '-';
  out.insert(begin + (has_sign ? 1 : 0), static_cast<std::size_t>(width - size), fill[0]);
  return true;
}

bool fixed(Evaluation& evaluation, const CallData& call, std::string& out) {
  double number = 0;
  std::int64_t decimals = 0;
  if (!real_argument(evaluation, call, 0, number) ||
      !whole_argument(evaluation, call, 1, "fixed", 0, 17, decimals)) {
    return false;
  }
  append_fixed(out, number, static_cast<int>(decimals));
  return true;
}

bool concat(Evaluation& evaluation, const CallData& call, std::string& out) {
  for (const ExpressionPtr& argument : call.arguments) {
    if (!argument->append(evaluation, out)) return false;
  }
  return true;
}

bool repeat(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t times = 0;
  if (!whole_argument(evaluation, call, 1, "repeat", 0, kMaxWidth, times)) return false;
  const std::size_t begin = out.size();
  if (!call.arguments[0]->append(evaluation, out)) return false;
  const std::size_t size = out.size() - begin;
  if (static_cast<std::int64_t>(size) * times > (std::int64_t{1} << 26)) {
    return evaluation.fail("repeat: more than 64 MiB (use `size` for large payloads)");
  }
  if (times == 0) out.resize(begin);
  out.reserve(begin + size * static_cast<std::size_t>(times));
  for (std::int64_t i = 1; i < times; ++i) out.append(out, begin, size);
  return true;
}

bool substr(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t start = 0, count = INT64_MAX;
  if (!whole_argument(evaluation, call, 1, "substr", 0, INT64_MAX, start)) return false;
  if (call.arguments.size() > 2 &&
      !whole_argument(evaluation, call, 2, "substr", 0, INT64_MAX, count))
    return false;
  const std::size_t begin = out.size();
  if (!call.arguments[0]->append(evaluation, out)) return false;
  const auto size = static_cast<std::int64_t>(out.size() - begin);
  start = std::min(start, size);
  count = std::min(count, size - start);
  out.erase(begin, static_cast<std::size_t>(start));
  out.resize(begin + static_cast<std::size_t>(count));
  return true;
}

bool length(Evaluation& evaluation, const CallData& call, Number& out) {
  std::string text;
  if (!call.arguments[0]->append(evaluation, text)) return false;
  out = Number::of(static_cast<std::int64_t>(text.size()));
  return true;
}

}  // namespace

std::vector<Function> text_functions() {
  using Kind = Function::Kind;
  return {
      {.name = "crc16",
       .usage = "crc16() or crc16(text)",
       .max_arguments = 1,
       .kind = Kind::varies,
       .text = crc16},
      {.name = "crc32",
       .usage = "crc32() or crc32(text)",
       .max_arguments = 1,
       .kind = Kind::varies,
       .text = crc32},
      {.name = "md5",
       .usage = "md5() or md5(text)",
       .max_arguments = 1,
       .kind = Kind::varies,
       .text = digest<DigestKind::md5>},
      {.name = "sha1",
       .usage = "sha1() or sha1(text)",
       .max_arguments = 1,
       .kind = Kind::varies,
       .text = digest<DigestKind::sha1>},
      {.name = "sha256",
       .usage = "sha256() or sha256(text)",
       .max_arguments = 1,
       .kind = Kind::varies,
       .text = digest<DigestKind::sha256>},
      {.name = "hmac.sha256",
       .usage = "hmac.sha256(key, text)",
       .min_arguments = 2,
       .max_arguments = 2,
       .text = hmac_sha256},
      {.name = "base64",
       .usage = "base64(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .text = base64},
      {.name = "uuid.of",
       .usage = "uuid.of(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .text = uuid_of},
      {.name = "hex.encode",
       .usage = "hex.encode(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .text = hex_encode},
      {.name = "hex.int",
       .usage = "hex.int(number, width)",
       .min_arguments = 1,
       .max_arguments = 2,
       .text = hex_int},
      {.name = "urlencode",
       .usage = "urlencode(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .text = url_encode},
      {.name = "json",
       .usage = "json(x)",
       .min_arguments = 1,
       .max_arguments = 1,
       .is_json = true,
       .text = json},
      {.name = "upper",
       .usage = "upper(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .text = upper},
      {.name = "lower",
       .usage = "lower(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .text = lower},
      {.name = "pad",
       .usage = "pad(x, width, fill)",
       .min_arguments = 2,
       .max_arguments = 3,
       .text = pad},
      {.name = "fixed",
       .usage = "fixed(number, decimals)",
       .min_arguments = 2,
       .max_arguments = 2,
       .text = fixed},
      {.name = "concat",
       .usage = "concat(a, b, …)",
       .min_arguments = 1,
       .max_arguments = 64,
       .text = concat},
      {.name = "repeat",
       .usage = "repeat(text, times)",
       .min_arguments = 2,
       .max_arguments = 2,
       .text = repeat},
      {.name = "substr",
       .usage = "substr(text, start, count)",
       .min_arguments = 2,
       .max_arguments = 3,
       .text = substr},
      {.name = "length",
       .usage = "length(text)",
       .min_arguments = 1,
       .max_arguments = 1,
       .number = length},
  };
}

}  // namespace squall
