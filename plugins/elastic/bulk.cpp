#include "bulk.hpp"

#include <nlohmann/json.hpp>

#include "templates.hpp"

namespace squall::elastic {
namespace {

using sink::Answer;
using sink::Fate;
using sink::HttpAnswer;
using Json = nlohmann::json;

constexpr size_t kLongestReason = 300;
// Of each document no more than what is read here.
constexpr std::string_view kBulk =
    "/_bulk?filter_path=took,errors,items.*.status,items.*.error.type,items.*.error.reason";

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// "403: security_exception: not allowed", of whatever stands there; no control characters.
std::string reason_of(int status, const Json* error) {
  std::string text = std::to_string(status);
  if (error && error->is_string()) text += ": " + error->get<std::string>();
  if (error && error->is_object())
    for (const char* key : {"type", "reason"})
      if (const std::string part = text_at(*error, key); !part.empty()) text += ": " + part;
  if (text.size() > kLongestReason) {
    text.resize(kLongestReason);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80)
      text.pop_back();
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.pop_back();
    text += " …";
  }
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

Answer later(std::string why) { return {Answer::Kind::later, {}, {}, std::move(why)}; }

/// The kinds of a whole answer other than 200.
Answer judge_status(const HttpAnswer& answer, std::time_t now) {
  if (answer.status == 0) return later(answer.why);
  const Json body = Json::parse(answer.body, nullptr, false);
  const auto error = body.is_object() ? body.find("error") : body.end();
  Answer judged;
  judged.why = reason_of(static_cast<int>(answer.status),
                         body.is_object() && error != body.end() ? &*error : nullptr);
  judged.retry_after = sink::parse_retry_after(answer.retry_after, now);
  const unsigned status = answer.status;
  judged.kind = status == 400 || status == 413                   ? Answer::Kind::split
                : status >= 500 || status == 429 || status == 408 ? Answer::Kind::later
                                                                  : Answer::Kind::refused;
  if (status >= 300 && status < 400) judged.why += ": it is somewhere else: write that as the url";
  return judged;
}

/// Of one item: {"create":{"status":201}}.  -1: it is none.
int status_of(const Json& item, const Json** error) {
  if (!item.is_object() || item.size() != 1 || !item.begin()->is_object()) return -1;
  const Json& result = *item.begin();
  const auto status = result.find("status"), found = result.find("error");
  if (status == result.end() || !status->is_number_integer()) return -1;
  *error = found == result.end() ? nullptr : &*found;
  return status->get<int>();
}

}  // namespace

Answer judge(const HttpAnswer& answer, size_t n, std::time_t now) {
  if (answer.status != 200) return judge_status(answer, now);
  const Json body = Json::parse(answer.body, nullptr, false);
  if (!body.is_object()) return later("the answer of _bulk is no JSON: is this Elasticsearch?");
  const auto items = body.find("items");
  if (items == body.end() || !items->is_array() || items->size() != n)
    return later("the answer of _bulk does not tell of each document");
  Answer judged;
  judged.kind = Answer::Kind::judged;
  judged.fates.reserve(n);
  judged.retry_after = sink::parse_retry_after(answer.retry_after, now);
  std::string again;
  for (const Json& item : *items) {
    const Json* error = nullptr;
    const int status = status_of(item, &error);
    if (status < 0) return later("the answer of _bulk does not tell of each document");
    // 409: it is there already, from a time when the answer was lost.
    const bool is_there = (status >= 200 && status < 300) || status == 409;
    const bool is_busy = status == 429 || status == 503;
    judged.fates.push_back(is_there ? Fate::delivered : is_busy ? Fate::again : Fate::rejected);
    std::string& why = is_busy ? again : judged.why;
    if (!is_there && why.empty()) why = reason_of(status, error);
  }
  if (judged.why.empty()) judged.why = again;
  return judged;
}

BulkWire::BulkWire(const Options& options)
    : client_(options.address,
              options.authorization.empty()
                  ? sink::HttpClient::Headers{}
                  : sink::HttpClient::Headers{{"Authorization", options.authorization}},
              options.ca),
      secrets_(options.secrets),
      are_templates_there_(!options.puts_templates) {}

Answer BulkWire::send(std::span<const sink::Record> batch, std::chrono::nanoseconds limit) {
  if (!are_templates_there_) {
    Answer answer = put_templates(limit);
    if (answer.kind != Answer::Kind::judged) return without_secrets(std::move(answer));
    are_templates_there_ = true;
  }
  std::string body;
  size_t bytes = 0;
  for (const sink::Record& record : batch) bytes += record.bytes.size();
  body.reserve(bytes);
  for (const sink::Record& record : batch) body += record.bytes;
  const HttpAnswer answer =
      client_.request({"POST", kBulk, "application/x-ndjson", body}, limit);
  return without_secrets(judge(answer, batch.size(), std::time(nullptr)));
}

Answer BulkWire::put_templates(std::chrono::nanoseconds limit) {
  for (const Template& put : templates()) {
    const HttpAnswer told = client_.request(
        {"PUT", "/_index_template/" + put.name, "application/json", put.body}, limit);
    if (told.status == 200) continue;
    Answer answer = judge_status(told, std::time(nullptr));
    if (answer.kind == Answer::Kind::split) answer.kind = Answer::Kind::refused;
    if (told.status != 0)
      answer.why = "index template " + put.name + ": " + answer.why +
                   (answer.kind == Answer::Kind::refused
                        ? " (`templates: skip` if it is there already)"
                        : "");
    return answer;
  }
  return {Answer::Kind::judged, {}, {}, {}};
}

Answer BulkWire::without_secrets(Answer answer) const {
  for (const std::string& secret : secrets_)
    for (size_t at = answer.why.find(secret); at != answer.why.npos; at = answer.why.find(secret))
      answer.why.replace(at, secret.size(), "***");
  return answer;
}

}  // namespace squall::elastic
