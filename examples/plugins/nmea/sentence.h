/* NMEA 0183 sentences as text: `$GPGGA,123519,4807.038,N*hh`, the checksum hh being the XOR of what stands between
 * `$` (or `!`) and `*`. Nothing here knows squall, allocates or keeps anything. */
#ifndef NMEA_SENTENCE_H
#define NMEA_SENTENCE_H
#include <stdbool.h>
#include <stddef.h>

/* With CR LF. The standard allows 82; what devices of today send is often longer. */
enum { NMEA_LINE_MAX = 1024 };

struct nmea_text {
  const char *ptr;
  size_t len;
};

/* A line that is being written. */
struct nmea_line {
  char text[NMEA_LINE_MAX];
  size_t len;
  bool overflows; /* something did not fit and was left out */
};

/* Talker and type, such as GPGGA; `$` is put before it unless it begins with `$` or `!` (AIS). */
bool nmea_is_address(struct nmea_text text);
/* Whether a field may hold it: printable ASCII without the characters that have a meaning of their own. */
bool nmea_is_field(struct nmea_text text);

void nmea_put(struct nmea_line *line, struct nmea_text text);
/* Puts the checksum and CR LF. */
void nmea_end(struct nmea_line *line);

/* What is wrong with a line that came without its CR LF; NULL: it is a sentence and its checksum is right. */
const char *nmea_fault(struct nmea_text line);
/* Field n of a sentence; 0 is its address. `ptr` is NULL when there are not so many. */
struct nmea_text nmea_field(struct nmea_text line, size_t n);
#endif
