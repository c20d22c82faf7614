#include "reply.hpp"

#include <algorithm>
#include <charconv>

namespace {

uint64_t digits(int64_t number) {
  char text[24];
  return static_cast<uint64_t>(std::to_chars(text, text + sizeof text, number).ptr - text);
}

}  // namespace

void Reply::assign(const redisReply& reply, uint64_t keep_bytes) {
  type = reply.type;
  integer = reply.type == REDIS_REPLY_INTEGER ? reply.integer : 0;
  text.clear();
  if (reply.str) text.assign(reply.str, std::min<uint64_t>(reply.len, keep_bytes));
  elements.resize(reply.type == REDIS_REPLY_ARRAY ? reply.elements : 0);
  for (size_t i = 0; i < elements.size(); ++i) elements[i].assign(*reply.element[i], keep_bytes);
}

const Reply* Reply::find(std::string_view path) const {
  const size_t dot = std::min(path.find('.'), path.size());
  size_t index = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + dot, index);
  if (error != std::errc() || end != path.data() + dot || index >= elements.size()) return nullptr;
  return dot == path.size() ? &elements[index] : elements[index].find(path.substr(dot + 1));
}

std::string_view type_name(int type) {
  switch (type) {
    case REDIS_REPLY_STRING: return "string";
    case REDIS_REPLY_STATUS: return "status";
    case REDIS_REPLY_INTEGER: return "integer";
    case REDIS_REPLY_ARRAY: return "array";
    case REDIS_REPLY_ERROR: return "error";
    default: return "nil";
  }
}

uint64_t wire_bytes(const redisReply& reply) {
  constexpr uint64_t kTypeAndEnd = 3;  // the type's character, CR LF
  switch (reply.type) {
    case REDIS_REPLY_STRING: return kTypeAndEnd + digits(static_cast<int64_t>(reply.len)) + reply.len + 2;
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR: return kTypeAndEnd + reply.len;
    case REDIS_REPLY_INTEGER: return kTypeAndEnd + digits(reply.integer);
    case REDIS_REPLY_ARRAY: {
      uint64_t bytes = kTypeAndEnd + digits(static_cast<int64_t>(reply.elements));
      for (size_t i = 0; i < reply.elements; ++i) bytes += wire_bytes(*reply.element[i]);
      return bytes;
    }
    default: return kTypeAndEnd + digits(-1);
  }
}

std::string_view error_word(std::string_view error) { return error.substr(0, error.find(' ')); }
