// The body of a recorded request as parameters of an HTTP step: a form, JSON, text, or a file beside the scenario. It is sent
// as it was, byte for byte, except where a secret stood.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "recording/har.hpp"
#include "recording/secret_book.hpp"

namespace squall {

/// Bytes that are too long or not fit to stand in the scenario.
struct BodyFile {
  std::string bytes;
  std::string ending;        // ".json", ".bin"
  bool is_template = false;  // holds ${secret.…}; what else looked so is escaped
};

struct RecordedBody {
  std::string parameter;        // form, json, body, multipart; "" with a file
  nlohmann::ordered_json value;
  std::optional<BodyFile> file;
  std::string implied_type;     // the content type that the parameter brings by itself; "": any must be said
  std::string note;             // what a reader should know, or ""
};

/// `type`: the content type that was sent. `request`: "POST /login", for the descriptions of secrets.
RecordedBody recorded_body(const HarBody& body, std::string_view type, std::string_view request, SecretBook& secrets);

/// `name=value&…` of a query or a form, as a template: values of secret fields are asked for, the rest is as it was.
std::string fields_template(std::string_view text, bool is_form, std::string_view request, SecretBook& secrets);

}  // namespace squall
