// The programs that a scenario may start: a name, an argv template, typed arguments.  A template
// element always becomes exactly one argv element, whatever an argument holds, and there is no
// shell and no PATH: that is what keeps data from becoming code.  Nothing here starts anything.
#pragma once
#include <sys/types.h>

#include <optional>
#include <span>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace squall::job {

/// What one argument may be: `site: string`, `count: int`, `load: number`, `type: [Content,
/// Preview]`.
struct ArgumentRule {
  enum class Kind { kText, kInteger, kNumber, kChoice };
  std::string name;
  Kind kind = Kind::kText;
  std::vector<std::string> choices;
};

/// One file as it was when the scenario was read; a program that changed since is not started.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  off_t size;
  timespec modified;
  static std::optional<FileIdentity> of(const std::string& path);
  bool operator==(const FileIdentity& other) const;
};

class Program {
 public:
  /// `description`: {argv, args, env, cwd}.  Relative paths are taken from `directory`.
  /// Throws plugin::Refusal with the program's name in its text.
  Program(std::string_view name, const sq_value& description, const std::string& directory);

  /// The argv of one run.  Throws Refusal: an argument is unknown, missing, of the wrong type, or
  /// holds a NUL, which no argv element can.
  std::vector<std::string> arguments(std::span<const sq_pair> given) const;
  /// "NAME=value" of the program's own variables, then of `given`, which win.
  std::vector<std::string> environment(std::span<const sq_pair> given) const;

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_; }
  /// False when the file has been replaced or changed since the scenario was read.
  bool is_unchanged() const;

 private:
  struct Piece {
    std::string text;
    int argument;  // index in rules_ of what follows the text; -1: nothing
  };
  std::vector<Piece> parse(std::string_view element) const;
  std::string checked(const ArgumentRule& rule, const sq_value& value) const;
  plugin::Refusal wrong(const std::string& text) const;

  std::string name_, path_, directory_;
  std::vector<ArgumentRule> rules_;
  std::vector<std::vector<Piece>> elements_;
  std::vector<std::pair<std::string, std::string>> variables_;
  std::optional<FileIdentity> identity_;
};

}  // namespace squall::job
