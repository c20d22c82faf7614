// What a scenario may say about this output, checked and with its defaults.
#pragma once
#include <span>
#include <squall/output.hpp>
#include <string>
#include <vector>

#include "sink/address.hpp"
#include "sink/sink.hpp"

namespace squall::elastic {

enum class Samples : uint8_t { off, failed, all };

struct Options {
  sink::Address address;
  std::string name_space = "default";
  std::string authorization;         // the header's value; "": none
  std::vector<std::string> secrets;  // parts of it that must not be printed
  std::string ca;
  Samples samples = Samples::off;
  bool puts_templates = true;
  sink::Limits limits;
  std::string spool;  // "": none
  uint64_t spool_bytes = 1 << 30;
};

/// NULL-terminated, for the plugin's table.
extern const sq_param* const kOptions[];

/// Throws plugin::Refusal with what is wrong, and what would be right; no secret in it.
Options read_options(std::span<const sq_pair> given);

}  // namespace squall::elastic
