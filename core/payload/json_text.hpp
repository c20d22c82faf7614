// JSON text: escaping per message, printing of values, reading of text into values.
// Reading is nlohmann's, hidden in the .cpp; printing is ours because templates do it per message.
#pragma once

#include <string>
#include <string_view>

#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

/// `text` as it stands between two quotes. Bytes above 0x7F pass unchanged.
void append_json_escaped(std::string& out, std::string_view text);
/// The same done in place to out[begin..]: free when nothing needs escaping, as nearly always.
void escape_json_tail(std::string& out, std::size_t begin);
/// Any value as JSON; durations as text ("1500ms"), inf and nan as null.
void append_json(std::string& out, const Value& value);
/// Errors: "not JSON: …" with the byte where it ends to be.
Result<Value> parse_json(std::string_view text);

/// JSON text as CBOR or MessagePack. Errors: the text is not JSON.
Result<std::string> json_to_cbor(std::string_view json);
Result<std::string> json_to_msgpack(std::string_view json);

}  // namespace squall
