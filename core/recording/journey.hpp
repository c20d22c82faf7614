// A recording made into what one user does: steps with their targets, think times and secrets, ready to be written down.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recording/har.hpp"
#include "recording/secret_book.hpp"
#include "recording/selection.hpp"

namespace squall {

struct JourneyTarget {
  std::string name;               // from the host: shop of www.shop.example
  std::string origin;
  std::string var() const { return name + "_url"; }
};

struct JourneyStep {
  std::int64_t think_us = 0;      // before it; 0: none
  std::string page;               // title of the page that begins with it, or ""
  std::string operation;          // http.post
  nlohmann::ordered_json parameters;
  nlohmann::ordered_json status;  // what is expected: one, or a list
  std::string note;               // what a reader should know, or ""
};

struct PayloadFile {
  std::string path;               // seen from the scenario
  std::string bytes;
};

struct Journey {
  std::string recorder, source;
  std::size_t recorded = 0;       // entries of the recording
  std::size_t pages = 0;          // that have a step
  std::int64_t length_us = 0;     // from the begin of its first step to the end of its last
  std::vector<JourneyTarget> targets;
  std::vector<JourneyStep> steps;
  std::vector<SecretBook::Secret> secrets;
  std::vector<PayloadFile> files;
  LeftOut left_out;
  std::vector<std::string> warnings;  // what is not as it was recorded, a line each
};

/// Without steps when nothing is left of the recording; `left_out` says why then.
Journey make_journey(const Har& har, const JourneyOptions& options);

}  // namespace squall
