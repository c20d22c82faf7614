// The files of tools/squall/templates, put into the program by embed_templates.cmake.
#pragma once

#include <span>
#include <string_view>

namespace squall {

struct TemplateFile {
  std::string_view kind;   // "protocol", the folder below templates
  std::string_view path;   // inside a project: "acme.cpp"
  std::string_view text;   // `acme` and `ACME` stand for the project's name
};
extern const std::span<const TemplateFile> kTemplateFiles;

}  // namespace squall
