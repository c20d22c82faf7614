// Small encodings of requests: percent-encoding, base64, and what a header field may hold.
// All append to a given string, so that a pooled buffer needs no allocation.
#pragma once
#include <string>
#include <string_view>

namespace squall::http {

/// A request target as a user wrote it: what may not stand in one (space, control, non-ASCII,
/// `"<>\^{|}` and the back-tick) is percent-encoded, '%' and all else is kept.  A fragment is cut
/// off.
void append_path(std::string& out, std::string_view path);
/// One query or form component: all but unreserved characters encoded; a form writes space as '+'.
void append_component(std::string& out, std::string_view text, bool plus_for_space);
void append_base64(std::string& out, std::string_view bytes);
/// The text of a quoted parameter of a multipart header (RFC 7578: quotes and line ends encoded).
void append_quoted(std::string& out, std::string_view text);

/// What a request line can hold between its blanks: at least a byte, no blank, no control character.
bool is_request_target(std::string_view text);
bool is_token(std::string_view text);        // a method or a field name (RFC 9110 section 5.6.2)
bool is_field_value(std::string_view text);  // no control characters, so no line can be smuggled in
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);

}  // namespace squall::http
