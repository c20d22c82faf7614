#include "sentence.h"

#include <string.h>

static bool is_start(char c) { return c == '$' || c == '!'; }

bool nmea_is_address(struct nmea_text text) {
  const size_t begin = text.len > 0 && is_start(text.ptr[0]) ? 1 : 0;
  if (text.len == begin) return false;
  for (size_t i = begin; i < text.len; ++i) {
    const char c = text.ptr[i];
    if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) return false;
  }
  return true;
}

bool nmea_is_field(struct nmea_text text) {
  for (size_t i = 0; i < text.len; ++i) {
    const char c = text.ptr[i];
    if (c < ' ' || c > '}' || strchr("$!*,\\", c)) return false; /* '^' begins the code of a character */
  }
  return true;
}

void nmea_put(struct nmea_line *line, struct nmea_text text) {
  if (text.len > sizeof line->text - line->len) {
    line->overflows = true;
    return;
  }
  if (text.len > 0) memcpy(line->text + line->len, text.ptr, text.len);
  line->len += text.len;
}

static unsigned checksum(const char *text, size_t len) {
  unsigned sum = 0;
  for (size_t i = 0; i < len; ++i) sum ^= (unsigned char)text[i];
  return sum;
}

void nmea_end(struct nmea_line *line) {
  static const char digits[] = "0123456789ABCDEF";
  const unsigned sum = line->len > 0 ? checksum(line->text + 1, line->len - 1) : 0;
  const char end[] = {'*', digits[sum >> 4], digits[sum & 15], '\r', '\n'};
  nmea_put(line, (struct nmea_text){end, sizeof end});
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

const char *nmea_fault(struct nmea_text line) {
  if (line.len < 2 || !is_start(line.ptr[0])) return "no sentence";
  const char *const star = memchr(line.ptr, '*', line.len);
  if (!star) return "no checksum";
  const size_t end = (size_t)(star - line.ptr);
  if (line.len != end + 3) return "no checksum";
  const int high = digit(star[1]), low = digit(star[2]);
  if (high < 0 || low < 0) return "no checksum";
  return checksum(line.ptr + 1, end - 1) == (unsigned)(high << 4 | low) ? NULL : "wrong checksum";
}

struct nmea_text nmea_field(struct nmea_text line, size_t n) {
  if (line.len == 0) return (struct nmea_text){NULL, 0};
  const char *at = line.ptr + 1; /* behind the `$` */
  const char *const star = memchr(line.ptr, '*', line.len);
  const char *const end = star ? star : line.ptr + line.len;
  for (;; --n) {
    const char *const comma = memchr(at, ',', (size_t)(end - at));
    if (n == 0) return (struct nmea_text){at, (size_t)((comma ? comma : end) - at)};
    if (!comma) return (struct nmea_text){NULL, 0};
    at = comma + 1;
  }
}
