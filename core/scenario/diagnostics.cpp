#include "scenario/diagnostics.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace squall {
namespace {

constexpr std::size_t kMaxShown = 160;  // of a source line
constexpr std::size_t kMaxKept = 1000;

/// Printable: a terminal must not obey what stands in a file.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) c = '?';
  return out;
}

bool begins_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

void Diagnostics::add(Diagnostic diagnostic) {
  if (list_.size() >= kMaxKept) {  // a broken generator of scenarios, not a person
    ++left_out_;
    return;
  }
  if (std::ranges::find(list_, diagnostic) == list_.end()) list_.push_back(std::move(diagnostic));
}

bool Diagnostics::has_errors() const { return count(Severity::error) > 0; }

bool Diagnostics::has_only_option_errors() const {
  return has_errors() && std::ranges::all_of(list_, [](const Diagnostic& d) { return d.severity != Severity::error || d.file.empty(); });
}

std::size_t Diagnostics::count(Severity severity) const {
  return static_cast<std::size_t>(std::ranges::count(list_, severity, &Diagnostic::severity));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> list = list_;
  std::vector<std::string> files;
  for (const Diagnostic& d : list)
    if (std::ranges::find(files, d.file) == files.end()) files.push_back(d.file);
  std::ranges::stable_sort(list, {}, [&](const Diagnostic& d) {
    return std::tuple(std::ranges::find(files, d.file) - files.begin(), d.line, d.column);
  });
  return list;
}

std::string Diagnostics::print() const {
  std::string out;
  for (const Diagnostic& d : sorted()) {
    if (!d.file.empty()) out += printable(d.file) + ":";
    if (d.line > 0) out += fmt::format("{}:{}:", d.line, d.column);
    if (!out.empty() && out.back() == ':') out += ' ';
    out += d.severity == Severity::error ? "error: " : "warning: ";
    out += printable(d.message);
    const bool has_line = d.line > 0 && sources_.contains(d.file);
    if (!has_line && !d.hint.empty()) out += "; " + printable(d.hint);
    out += '\n';
    if (has_line) print_source(d, out);
  }
  if (left_out_ > 0) out += fmt::format("and {} more\n", left_out_);
  return out;
}

std::string Diagnostics::json() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Diagnostic& d : sorted()) {
    list.push_back({{"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"length", d.length},
                    {"severity", d.severity == Severity::error ? "error" : "warning"},
                    {"message", d.message},
                    {"hint", d.hint}});
  }
  // What stands in a file need not be UTF-8.
  return list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void Diagnostics::print_source(const Diagnostic& d, std::string& out) const {
  std::string_view text = sources_.at(d.file);
  for (std::uint32_t line = 1; line < d.line && !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);

  std::size_t begin = std::min<std::size_t>(d.column ? d.column - 1 : 0, text.size());
  std::size_t length = std::clamp<std::size_t>(d.length, 1, std::max<std::size_t>(text.size() - begin, 1));
  if (text.size() > kMaxShown) {  // a window around the place
    std::size_t from = begin > kMaxShown / 2 ? begin - kMaxShown / 2 : 0;
    while (from < text.size() && !begins_code_point(text[from])) ++from;
    text = text.substr(from, kMaxShown);
    begin -= from;
    length = std::clamp<std::size_t>(length, 1, std::max<std::size_t>(text.size() - begin, 1));
  }
  std::string indent;  // tabs stay tabs, so that the caret stands below its place
  for (std::size_t i = 0; i < begin; ++i)
    if (begins_code_point(text[i])) indent += text[i] == '\t' ? '\t' : ' ';
  std::string caret = "^";
  for (std::size_t i = begin + 1; i < begin + length && i < text.size(); ++i)
    if (begins_code_point(text[i])) caret += '~';
  out += fmt::format("{:5} | {}\n", d.line, printable(text));
  out += fmt::format("{:5} | {}{}", "", indent, caret);
  if (!d.hint.empty()) out += " " + printable(d.hint);
  out += '\n';
}

}  // namespace squall
