// See assets.hpp.
#include "assets.hpp"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <memory>
#include <new>
#include <squall/plugin.hpp>
#include <unordered_set>

#include "encoding.hpp"
#include "url.hpp"

namespace squall::http {
namespace {

constexpr size_t kPiece = 16 * 1024;  // of the page, between looks at how deep it is nested

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

/// An attribute's address as HTML reads it: without blanks around it and line ends in it.
std::string clean(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  std::string result(text);
  std::erase_if(result, [](char c) { return c == '\t' || c == '\n' || c == '\r'; });
  return result;
}

bool has_word(std::string_view words, std::string_view wanted) {
  for (size_t at = 0; at < words.size();) {
    while (at < words.size() && is_space(words[at])) ++at;
    size_t end = at;
    while (end < words.size() && !is_space(words[end])) ++end;
    if (equals_ignoring_case(words.substr(at, end - at), wanted)) return true;
    at = end;
  }
  return false;
}

/// Whether a browser runs a script of this type: JavaScript by any of its names, or a module.
bool is_script_type(std::string_view type) {
  type = trim(type.substr(0, type.find(';')));
  static constexpr std::string_view kTypes[] = {"",
                                                "module",
                                                "text/javascript",
                                                "application/javascript",
                                                "application/x-javascript",
                                                "text/x-javascript",
                                                "text/ecmascript",
                                                "application/ecmascript",
                                                "text/jscript"};
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [type](std::string_view one) { return equals_ignoring_case(type, one); });
}

/// The attributes of one element.
class Attributes {
 public:
  explicit Attributes(const xmlChar** list) : list_(list) {}
  bool has(std::string_view name) const { return at(name) != nullptr; }
  std::string_view operator[](std::string_view name) const {
    const xmlChar** attribute = at(name);
    if (!attribute || !attribute[1]) return {};
    return reinterpret_cast<const char*>(attribute[1]);
  }

 private:
  const xmlChar** at(std::string_view name) const {
    for (const xmlChar** one = list_; one && *one; one += 2)
      if (name == reinterpret_cast<const char*>(*one)) return one;
    return nullptr;
  }
  const xmlChar** list_;
};

class AssetFinder {
 public:
  explicit AssetFinder(const std::string& page_url) { stand_at(page_url); }

  void begins(std::string_view name, const Attributes& given) {
    if (++depth_ > AssetList::kMaxDepth) list.is_nested_deeply = true;
    if (inert_depth_) return;
    // What stands in these is text, or not for a browser that runs scripts.
    for (std::string_view inert :
         {"template", "noscript", "textarea", "title", "iframe", "noembed", "noframes", "xmp"})
      if (name == inert) inert_depth_ = depth_;
    if (name == "base") {
      take_base(given);
    } else if (name == "img") {
      add(given["src"], AssetKind::kImage);
    } else if (name == "input") {
      if (equals_ignoring_case(given["type"], "image")) add(given["src"], AssetKind::kImage);
    } else if (name == "video") {
      add(given["poster"], AssetKind::kImage);
    } else if (name == "script") {
      if (!given.has("nomodule") && is_script_type(given["type"]))
        add(given["src"], AssetKind::kScript);
    } else if (name == "link") {
      add_link(given);
    }
  }
  void ends() {
    if (inert_depth_ == depth_) inert_depth_ = 0;
    --depth_;
  }

  AssetList list;

 private:
  void stand_at(const std::string& url) {
    path_ = path_of(url);
    origin_ = url.substr(0, url.find_first_of("/?", url.find("://") + 3));
  }
  void take_base(const Attributes& given) {
    if (has_base_ || !given.has("href")) return;
    has_base_ = true;
    const std::string url = resolve_reference(origin_, path_, clean(given["href"]));
    if (!url.empty()) stand_at(url);
  }
  void add_link(const Attributes& given) {
    const std::string_view rel = given["rel"], href = given["href"];
    if (has_word(rel, "stylesheet")) {
      if (!given.has("disabled")) add(href, AssetKind::kStylesheet);
    } else if (has_word(rel, "icon")) {
      add(href, AssetKind::kImage);
    } else if (has_word(rel, "modulepreload")) {
      add(href, AssetKind::kScript);
    } else if (has_word(rel, "preload")) {
      add_preload(given["as"], href);
    }
  }
  void add_preload(std::string_view as, std::string_view href) {
    struct Row {
      std::string_view as;
      AssetKind kind;
    };
    static constexpr Row kRows[] = {
        {"image", AssetKind::kImage},      {"script", AssetKind::kScript},
        {"style", AssetKind::kStylesheet}, {"font", AssetKind::kOther},
        {"fetch", AssetKind::kOther},      {"track", AssetKind::kOther}};
    for (const Row& row : kRows)
      if (equals_ignoring_case(as, row.as)) add(href, row.kind);
  }
  void add(std::string_view reference, AssetKind kind) {
    const std::string text = clean(reference);
    if (text.empty() || text[0] == '#') return;
    std::string url = resolve_reference(origin_, path_, text);
    if (url.empty() || !seen_.insert(url).second) return;
    list.add(std::move(url), kind);
  }

  std::string origin_, path_;
  bool has_base_ = false;
  int depth_ = 0, inert_depth_ = 0;
  std::unordered_set<std::string> seen_;
};

}  // namespace

void AssetList::add(std::string url, AssetKind kind) {
  const sq_target* target = plugin::host.target->match(plugin::str(url));
  if (!target) {
    ++left_out;
    return;
  }
  auto group = std::find_if(groups.begin(), groups.end(),
                            [target](const Group& one) { return one.target == target; });
  if (group == groups.end()) group = groups.insert(group, {target, {}});
  group->assets.push_back({std::move(url), kind});
}

size_t AssetList::bytes() const {
  size_t sum = sizeof *this;
  for (const Group& group : groups) {
    sum += sizeof group;
    for (const Asset& asset : group.assets) sum += sizeof asset + asset.url.size();
  }
  return sum;
}

AssetList find_assets(std::string_view html, const std::string& page_url) {
  AssetFinder finder(page_url);
  htmlSAXHandler events{};
  events.startElement = [](void* self, const xmlChar* name, const xmlChar** attributes) {
    static_cast<AssetFinder*>(self)->begins(reinterpret_cast<const char*>(name),
                                            Attributes(attributes));
  };
  events.endElement = [](void* self, const xmlChar*) { static_cast<AssetFinder*>(self)->ends(); };
  const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> parser(
      htmlCreatePushParserCtxt(&events, &finder, nullptr, 0, nullptr, XML_CHAR_ENCODING_UTF8),
      htmlFreeParserCtxt);
  if (!parser) throw std::bad_alloc();
  htmlCtxtUseOptions(parser.get(), HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                       HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
  // Piece by piece, because what a page nests costs its square: one that goes too deep ends there.
  for (; !html.empty() && !finder.list.is_nested_deeply;
       html.remove_prefix(std::min(kPiece, html.size())))
    htmlParseChunk(parser.get(), html.data(), static_cast<int>(std::min(kPiece, html.size())), 0);
  if (!finder.list.is_nested_deeply) htmlParseChunk(parser.get(), nullptr, 0, 1);
  return std::move(finder.list);
}

AssetKind kind_of(std::string_view url) {
  const std::string_view path = url.substr(0, url.find_first_of("?#"));
  const size_t dot = path.find_last_of("./");
  if (dot == std::string_view::npos || path[dot] == '/') return AssetKind::kOther;
  const std::string_view end = path.substr(dot + 1);
  const auto is_one_of = [end](std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [end](std::string_view one) { return equals_ignoring_case(end, one); });
  };
  if (is_one_of({"css"})) return AssetKind::kStylesheet;
  if (is_one_of({"js", "mjs"})) return AssetKind::kScript;
  if (is_one_of({"png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp"}))
    return AssetKind::kImage;
  return AssetKind::kOther;
}

void begin_html() { xmlInitParser(); }

}  // namespace squall::http
