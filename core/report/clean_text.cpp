#include "report/clean_text.hpp"

#include "report/json.hpp"

namespace squall {

std::string clean_text(std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd", kNoCharacters[] = {"\xef\xbf\xbe", "\xef\xbf\xbf"};
  const std::string valid = Json::parse(json_text(Json(text))).get<std::string>();   // the library replaces what is no UTF-8
  std::string out;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const std::string_view here = std::string_view(valid).substr(i, 3);
    if (here == kNoCharacters[0] || here == kNoCharacters[1]) {
      out += kReplacement;
      i += 2;
    } else if (byte == '\n' || byte == '\r' || byte == '\t') {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      out += kReplacement;
    } else {
      out += valid[i];
    }
  }
  return out;
}

}  // namespace squall
