#include "recording/recorded_body.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "payload/digest.hpp"
#include "payload/json_text.hpp"
#include "payload/template.hpp"
#include "recording/ascii.hpp"
#include "recording/recorded_url.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestText = 4096;   // what is longer is read in a file of its own
constexpr std::size_t kLongestKey = 128;     // YAML has a limit, readers have one sooner
constexpr int kDeepest = 16;
constexpr const char* kFormType = "application/x-www-form-urlencoded";
constexpr const char* kJsonType = "application/json";

std::string described(std::string_view field, std::string_view request) { return fmt::format("field {} of {}", field, request); }

/// As a form sends it, and squall's http plugin with `form`.
std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ') out += '+';
    else append_url_encoded(out, {&c, 1});
  }
  return out;
}

bool is_key(std::string_view key) { return !key.empty() && key != "<<" && key.size() <= kLongestKey; }

// ---- forms

struct Field {
  std::string name, value;
};

/// The fields of an urlencoded text; nullopt: squall would not send these bytes from them.
std::optional<std::vector<Field>> form_fields(std::string_view text) {
  std::vector<Field> fields;
  std::string again;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    const std::string_view pair = text.substr(at, end - at);
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos) return std::nullopt;
    const auto name = percent_decoded(pair.substr(0, equals), true), value = percent_decoded(pair.substr(equals + 1), true);
    if (!name || !value || !is_key(*name) || value->empty()) return std::nullopt;
    again += fmt::format("{}{}={}", again.empty() ? "" : "&", form_encoded(*name), form_encoded(*value));
    // Fields of one name become one list, so they must follow each other.
    const bool is_next_of_list = !fields.empty() && fields.back().name == *name;
    if (!is_next_of_list && std::ranges::find(fields, *name, &Field::name) != fields.end()) return std::nullopt;
    fields.push_back({*name, *value});
    at = end + 1;
  }
  if (again != text) return std::nullopt;
  return fields;
}

/// A map of fields; the fields of one name are a list.
Json form_map(const std::vector<Field>& fields, std::string_view request, SecretBook& secrets) {
  Json map = Json::object();
  for (const Field& field : fields) {
    const Json value = is_secret_name(field.name)
                           ? "${" + secrets.reference(field.name, field.value, described(field.name, request)) + "}"
                           : as_template(field.value);
    if (!map.contains(field.name)) map[field.name] = value;
    else if (map[field.name].is_array()) map[field.name].push_back(value);
    else map[field.name] = Json::array({map[field.name], value});
  }
  return map;
}

// ---- JSON

bool has_good_keys(const Json& json, int depth = 0) {
  if (depth > kDeepest) return false;
  if (json.is_object())
    for (const auto& [key, item] : json.items())
      if (!is_key(key) || !has_good_keys(item, depth + 1)) return false;
  if (json.is_array())
    for (const Json& item : json)
      if (!has_good_keys(item, depth + 1)) return false;
  return true;
}

/// Numbers that are secrets, too: a PIN. Counts such as max_token are not.
bool is_secret_number(std::string_view field) { return is_secret_name(field) && !lower(field).ends_with("token"); }

/// nullopt: a number is a secret, and a placeholder would make a text of it.
std::optional<Json> json_template(const Json& json, std::string_view field, std::string_view request, SecretBook& secrets) {
  if (json.is_object() || json.is_array()) {
    Json out = json.is_object() ? Json::object() : Json::array();
    for (const auto& [key, item] : json.items()) {
      auto made = json_template(item, json.is_object() ? std::string_view(key) : field, request, secrets);
      if (!made) return std::nullopt;
      if (json.is_object()) out[as_template(key)] = std::move(*made);
      else out.push_back(std::move(*made));
    }
    return out;
  }
  if (json.is_number() && is_secret_number(field)) return std::nullopt;
  if (!json.is_string()) return json;
  const auto& text = json.get_ref<const std::string&>();
  if (text.empty() || !is_secret_name(field)) return as_template(text);
  return "${" + secrets.reference(field, text, described(field, request)) + "}";
}

/// The text of a JSON document as a template with the same bytes, but for its secrets. `text` is known to be JSON.
std::string json_text_template(std::string_view text, std::string_view request, SecretBook& secrets) {
  std::string out, field;
  std::vector<std::string> outer;  // of which field each open object is the value
  std::size_t copied = 0;
  const auto replace = [&](std::size_t begin, std::size_t end, const std::string& with) {
    out += as_template(text.substr(copied, begin - copied)) + with;
    copied = end;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t begin = at;
    if (text[at] == '{') {
      outer.push_back(field);
    } else if (text[at] == '}') {
      field = outer.back();
      outer.pop_back();
    } else if (text[at] == '"') {
      for (++at; text[at] != '"'; ++at)
        if (text[at] == '\\') ++at;
      const auto said = Json::parse(text.substr(begin, at + 1 - begin)).get<std::string>();
      const std::size_t next = text.find_first_not_of(" \t\r\n", at + 1);
      if (next != text.npos && text[next] == ':') field = said;
      else if (is_secret_name(field) && !said.empty())
        replace(begin, at + 1, fmt::format("${{json({})}}", secrets.reference(field, said, described(field, request))));
    } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
      const std::size_t end = std::min(text.find_first_not_of("+-.0123456789eE", at), text.size());
      at = end - 1;
      if (is_secret_number(field))
        replace(begin, end, "${" + secrets.reference(field, text.substr(begin, end - begin), described(field, request)) + "}");
    }
  }
  return out + as_template(text.substr(copied));
}

// ---- multipart

/// "x" of `…; boundary=x` or `…; boundary="x"`.
std::string parameter_of(std::string_view header, std::string_view name) {
  const std::string small = lower(header);
  for (std::size_t at = small.find(name); at != small.npos; at = small.find(name, at + 1)) {
    const bool is_whole = at > 0 && (small[at - 1] == ';' || small[at - 1] == ' ') && small.substr(at + name.size()).starts_with('=');
    if (!is_whole) continue;
    std::string_view value = header.substr(at + name.size() + 1);
    if (value.starts_with('"')) return std::string(value.substr(1, value.find('"', 1) - 1));
    return std::string(value.substr(0, value.find_first_of("; \t\r\n")));
  }
  return {};
}

/// The parts' bytes as they were, but for the values of secret fields.
std::string multipart_template(std::string_view text, std::string_view boundary, std::string_view request, SecretBook& secrets) {
  std::string out;
  std::size_t copied = 0;
  const std::string line = "\r\n--" + std::string(boundary);
  for (std::size_t head = text.find("--" + std::string(boundary)); head != text.npos;) {
    const std::size_t blank = text.find("\r\n\r\n", head);
    const std::size_t end = blank == text.npos ? text.npos : text.find(line, blank + 2);
    if (end == text.npos) break;
    const std::size_t begin = blank + 4;
    const std::string name = parameter_of(text.substr(head, blank - head), "name");
    const bool is_file = !parameter_of(text.substr(head, blank - head), "filename").empty();
    if (begin < end && !is_file && is_secret_name(name)) {
      out += as_template(text.substr(copied, begin - copied));
      out += "${" + secrets.reference(name, text.substr(begin, end - begin), described(name, request)) + "}";
      copied = end;
    }
    head = end + 2;
  }
  return out + as_template(text.substr(copied));
}

/// Without the bytes of the body, from its fields: the boundary is squall's then.
Json multipart_parts(const std::vector<HarParam>& params, std::string_view request, SecretBook& secrets, std::string& note) {
  Json parts = Json::array();
  for (const HarParam& param : params) {
    Json part = Json::object({{"name", as_template(param.name)}});
    const bool is_file = !param.file_name.empty();
    if (!is_file && is_secret_name(param.name) && !param.value.empty())
      part["value"] = "${" + secrets.reference(param.name, param.value, described(param.name, request)) + "}";
    else part["value"] = as_template(param.value);
    if (is_file) part["filename"] = as_template(param.file_name);
    if (!param.content_type.empty()) part["type"] = as_template(param.content_type);
    if (is_file && param.value.empty()) note = "the content of the file is not in the recording: put `file:` in the place of `value:`";
    parts.push_back(std::move(part));
  }
  return parts;
}

// ---- any text

bool is_text(std::string_view bytes) {
  const bool has_control = std::ranges::any_of(bytes, [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  });
  if (has_control) return false;
  // What was decoded from base64 may be anything; dump() is nlohmann's check of UTF-8.
  try {
    (void)Json(std::string(bytes)).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

std::string ending_of(std::string_view type, bool is_readable) {
  constexpr std::pair<std::string_view, const char*> kEndings[] = {
      {"json", ".json"}, {"xml", ".xml"}, {"html", ".html"}, {"csv", ".csv"}, {"png", ".png"}, {"jpeg", ".jpg"}, {"pdf", ".pdf"}, {"zip", ".zip"}};
  const std::string media(type.substr(0, type.find(';')));
  for (const auto& [part, ending] : kEndings)
    if (media.find(part) != media.npos) return ending;
  return is_readable ? ".txt" : ".bin";
}

}  // namespace

std::string fields_template(std::string_view text, bool is_form, std::string_view request, SecretBook& secrets) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    const std::string_view pair = text.substr(at, end - at);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    const std::string name = percent_decoded(pair.substr(0, equals), is_form).value_or(std::string(pair.substr(0, equals)));
    if (at > 0) out += '&';
    if (value.empty() || !is_secret_name(name)) {
      out += as_template(pair);
    } else {
      // The value is set as a person knows it where squall encodes it to the same bytes, else as it stood there.
      const auto plain = percent_decoded(value, is_form);
      std::string again;
      if (plain) append_url_encoded(again, *plain);
      const bool is_same = plain && again == value;
      const std::string secret = secrets.reference(name, is_same ? std::string_view(*plain) : value,
                                                   described(name, request) + (is_same ? "" : ", percent-encoded as it was"));
      out += as_template(pair.substr(0, equals + 1)) + (is_same ? fmt::format("${{urlencode({})}}", secret) : "${" + secret + "}");
    }
    at = end + 1;
  }
  return out;
}

RecordedBody recorded_body(const HarBody& body, std::string_view given_type, std::string_view request, SecretBook& secrets) {
  RecordedBody made;
  const std::string type = lower(given_type);
  const std::string_view bytes = body.bytes;
  const bool is_form = type.starts_with(kFormType), is_multipart = type.starts_with("multipart/");
  if (bytes.empty()) {  // the browser listed the fields alone
    if (is_multipart) {
      made.parameter = "multipart";
      made.value = multipart_parts(body.params, request, secrets, made.note);
      made.implied_type = type;  // it has another boundary
      return made;
    }
    std::vector<Field> fields;
    for (const HarParam& param : body.params) fields.push_back({param.name, param.value});
    made.parameter = "form";
    made.value = form_map(fields, request, secrets);
    made.implied_type = kFormType;
    return made;
  }
  const bool is_readable = is_text(bytes);
  const bool is_json = type.find("json") != type.npos && is_readable && nlohmann::json::accept(bytes);
  if (is_form && is_readable && bytes.size() <= kLongestText) {
    if (const auto fields = form_fields(bytes)) {
      made.parameter = "form";
      made.value = form_map(*fields, request, secrets);
      made.implied_type = kFormType;
      return made;
    }
  }
  if (is_json && bytes.size() <= kLongestText) {
    // As a map when squall prints the same bytes from it.
    const auto value = parse_json(bytes);
    std::string again;
    if (value) append_json(again, *value);
    const Json json = Json::parse(bytes);
    if (again == bytes && json.is_structured() && has_good_keys(json)) {
      if (auto map = json_template(json, "", request, secrets)) {
        made.parameter = "json";
        made.value = std::move(*map);
        made.implied_type = kJsonType;
        return made;
      }
    }
  }
  const std::string boundary = is_multipart ? parameter_of(given_type, "boundary") : std::string();
  const std::string text = is_form             ? fields_template(bytes, true, request, secrets)
                           : is_json           ? json_text_template(bytes, request, secrets)
                           : !boundary.empty() ? multipart_template(bytes, boundary, request, secrets)
                                               : as_template(bytes);
  const bool has_secrets = text != as_template(bytes);
  if (is_readable && bytes.size() <= kLongestText) {
    made.parameter = "body";
    made.value = text;
  } else {
    made.file = BodyFile{has_secrets ? text : std::string(bytes), ending_of(type, is_readable), has_secrets};
  }
  return made;
}

}  // namespace squall
