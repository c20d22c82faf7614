// Mistakes of a scenario, all at once, each at its place, in the form that editors and people know:
//   file:line:column: error: message, the line, a caret, a hint.
// Knows nothing of YAML or scenarios; the loader collects, the command line prints.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace squall {

enum class Severity : std::uint8_t { error, warning };

struct Diagnostic {
  std::string file;          // as the user gave it; "" for the command line and the environment
  std::uint32_t line = 0;    // from 1; 0: the whole file
  std::uint32_t column = 0;  // from 1, in bytes
  std::uint32_t length = 1;  // bytes that are underlined
  std::string message;       // lower case, one line, no dot
  std::string hint;          // "did you mean 'users'?", or empty
  Severity severity = Severity::error;

  bool operator==(const Diagnostic&) const = default;
};

class Diagnostics {
 public:
  /// The text that carets are drawn under.
  void add_source(std::string file, std::string text) { sources_[std::move(file)] = std::move(text); }
  /// One that says the same at the same place as an earlier one is left out.
  void add(Diagnostic diagnostic);

  bool has_errors() const;
  std::size_t count(Severity severity) const;
  /// There are errors, and each is of the command line or the environment: the file itself may be good.
  bool has_only_option_errors() const;
  /// In the order of files (first seen first), lines and columns.
  std::vector<Diagnostic> sorted() const;
  /// All of them, ready for a terminal: control characters of the source are replaced.
  std::string print() const;
  /// The same as a JSON list, for editors and CI: file, line, column, length, severity, message, hint of each.
  std::string json() const;

 private:
  void print_source(const Diagnostic& diagnostic, std::string& out) const;
  std::vector<Diagnostic> list_;
  std::size_t left_out_ = 0;  // beyond the first thousand
  std::map<std::string, std::string> sources_;
};

}  // namespace squall
