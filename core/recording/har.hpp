// A browser's recording (HAR 1.2) as a small model: what was asked for, when, and what kind of answer came. Knows nothing of
// scenarios. Bodies of answers are skipped while the file is read, so that a large recording takes little memory.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

namespace squall {

struct HarField {
  std::string name, value;
};

/// One field of a form, as the browser listed it.
struct HarParam {
  std::string name, value;
  std::string file_name, content_type;  // of an uploaded file; its content is mostly not in a recording
};

struct HarBody {
  std::string type;               // content type as recorded
  std::string bytes;              // decoded when the recording has it in base64
  std::vector<HarParam> params;
};

struct HarPage {
  std::string id, title;
};

struct HarEntry {
  std::size_t index = 0;          // its place in log.entries
  std::int64_t started_us = 0;    // since 1970
  std::int64_t took_us = 0;
  std::string page;               // its page's id, or ""
  std::string method, url;
  std::vector<HarField> headers;  // of the request
  std::optional<HarBody> body;
  bool lost_body = false;         // the request had a body that the recording does not hold
  int status = 0;                 // 0: no answer came
  std::string answer_type;        // content type of the answer
  std::string redirect_url;
  std::string resource;           // Chrome's word for what it was: document, script, image … or ""
  bool is_cached = false;         // answered from the browser's memory or disk
};

struct Har {
  std::string recorder;           // "Firefox 126.0", or ""
  std::vector<HarPage> pages;
  std::vector<HarEntry> entries;  // in the order in which they began
};

struct HarResult {
  std::optional<Har> har;
  std::vector<std::string> mistakes;  // without a har: each with its place, "log.entries[3].request.url is missing"
};

/// Reads one recording. All mistakes of the entries are found, not just the first.
HarResult read_har(std::istream& in);

}  // namespace squall
