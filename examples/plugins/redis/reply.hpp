// What the server said, kept from the moment in which hiredis shows it to the call's release.
#pragma once
#include <hiredis/hiredis.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// One reply, with those inside it. Used again: its memory stays.
struct Reply {
  int type = REDIS_REPLY_NIL;  // of hiredis
  int64_t integer = 0;
  std::string text;  // of a string, a status or an error
  std::vector<Reply> elements;

  /// Keeps at most `keep_bytes` of each text.
  void assign(const redisReply& reply, uint64_t keep_bytes);
  bool has_text() const { return type == REDIS_REPLY_STRING || type == REDIS_REPLY_STATUS || type == REDIS_REPLY_ERROR; }
  /// The element that a path such as "0" or "2.1" leads to; null: there is none.
  const Reply* find(std::string_view path) const;
};

/// "string", "status", "integer", "nil", "array", "error".
std::string_view type_name(int type);
/// How many bytes the reply was on the wire (RESP 2).
uint64_t wire_bytes(const redisReply& reply);
/// The first word of an error, such as WRONGTYPE.
std::string_view error_word(std::string_view error);
