#include "options.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace squall::elastic {
namespace {

using namespace squall::plugin;

constexpr uint16_t kPort = 9200;
constexpr std::chrono::seconds kLongestDrain{60};  // squall waits 90 s for an output to close
constexpr int64_t kSmallestBatch = 1'000;
constexpr int64_t kLargestBatch = 100'000'000;  // Elasticsearch takes no more
constexpr size_t kLongestNamespace = 100;

constexpr const char* kSampleChoices[] = {"off", "failed", "all", nullptr};
constexpr const char* kTemplateChoices[] = {"yes", "skip", nullptr};

constexpr sq_param kUrl =
    param(SQ_T_STR, "url",
          "http(s)://host:9200, with a path when there is one: nothing is sent elsewhere",
          {.flags = SQ_P_REQUIRED});
constexpr sq_param kNamespace =
    param(SQ_T_STR, "namespace",
          "the end of the data streams' names: metrics-squall.window-NAMESPACE",
          {.default_json = "\"default\""});
constexpr sq_param kApiKey = param(
    SQ_T_STR, "api_key", "as Kibana shows it (encoded), or ID:KEY", {.flags = SQ_P_SECRET});
constexpr sq_param kUser = param(SQ_T_STR, "user", "with `password`: basic authentication");
constexpr sq_param kPassword =
    param(SQ_T_STR, "password", "of `user`", {.flags = SQ_P_SECRET});
constexpr sq_param kToken = param(SQ_T_STR, "token", "a bearer token", {.flags = SQ_P_SECRET});
constexpr sq_param kCa =
    param(SQ_T_STR, "ca",
          "file of certificates to trust (PEM) instead of the system's; they are always verified");
constexpr sq_param kSamples =
    param(SQ_T_STR, "samples", "a document for each sample, beside the windows",
          {.default_json = "\"off\"", .choices = kSampleChoices});
constexpr sq_param kTemplates =
    param(SQ_T_STR, "templates", "skip: the index templates are there, or somebody else's business",
          {.default_json = "\"yes\"", .choices = kTemplateChoices});
constexpr sq_param kBatch =
    param(SQ_T_I64, "batch_bytes", "of one request, 1kB to 100MB; at least one a second is sent",
          {.unit = SQ_U_BYTES, .default_json = "\"5MB\""});
constexpr sq_param kQueue =
    param(SQ_T_I64, "queue_limit",
          "so much may wait in memory; what comes then is dropped, and counted",
          {.unit = SQ_U_BYTES, .default_json = "\"64MiB\""});
constexpr sq_param kSpool =
    param(SQ_T_STR, "spool",
          "folder for what Elasticsearch does not take; sent when it does, or by the next run");
constexpr sq_param kSpoolLimit = param(SQ_T_I64, "spool_limit", "the most that `spool` may hold",
                                       {.unit = SQ_U_BYTES, .default_json = "\"1GiB\""});
constexpr sq_param kDrain =
    param(SQ_T_DURATION, "drain",
          "how long it tries at the end to get rid of everything, at most 60s",
          {.default_json = "\"30s\""});

std::string text_of(std::span<const sq_pair> given, const char* name) {
  const sq_value* value = find(given, name);
  return value ? std::string(as_text(*value)) : "";
}

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                       reinterpret_cast<const unsigned char*>(text.data()),
                                       static_cast<int>(text.size()));
  out.resize(static_cast<size_t>(length));
  return out;
}

/// What Elasticsearch takes as the last part of a data stream's name.
std::string checked_namespace(std::string name) {
  constexpr std::string_view kForbidden = "\\/*?\"<>| ,#:-";
  if (name.empty() || name.size() > kLongestNamespace)
    throw invalid("namespace: 1 to 100 bytes");
  for (const char c : name)
    if (kForbidden.find(c) != kForbidden.npos || (c >= 'A' && c <= 'Z') ||
        static_cast<unsigned char>(c) < 0x20)
      throw invalid("namespace: '" + name +
                    "' has what no name of a data stream may have: write small letters, digits, "
                    "_ and .");
  return name;
}

void read_authentication(std::span<const sq_pair> given, Options& options) {
  const std::string api_key = text_of(given, "api_key"), token = text_of(given, "token"),
                    user = text_of(given, "user"), password = text_of(given, "password");
  const bool has_user = find(given, "user") || find(given, "password");
  const int ways =
      (find(given, "api_key") != nullptr) + (find(given, "token") != nullptr) + has_user;
  if (ways > 1)
    throw invalid("api_key, token, and user with password are three ways: give one of them");
  const auto needs = [](const char* name, const std::string& text) {
    if (text.empty()) throw invalid(std::string(name) + " is empty");
    for (const char c : text)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        throw invalid(std::string(name) + " has a line end or a control character");
  };
  if (find(given, "api_key")) {
    needs("api_key", api_key);
    const bool is_encoded = api_key.find(':') == api_key.npos;
    const std::string encoded = is_encoded ? api_key : base64(api_key);
    options.authorization = "ApiKey " + encoded;
    options.secrets = {encoded, api_key};
  } else if (find(given, "token")) {
    needs("token", token);
    options.authorization = "Bearer " + token;
    options.secrets = {token};
  } else if (has_user) {
    if (!find(given, "user") || !find(given, "password"))
      throw invalid("user and password belong together: give both");
    needs("user", user);
    needs("password", password);
    if (user.find(':') != user.npos) throw invalid("user: no name with a `:` can be sent");
    const std::string both = base64(user + ":" + password);
    options.authorization = "Basic " + both;
    options.secrets = {both, password};
  }
}

void read_limits(std::span<const sq_pair> given, Options& options) {
  sink::Limits& limits = options.limits;
  if (const sq_value* batch = find(given, "batch_bytes")) {
    const int64_t bytes = as_int(*batch);
    if (bytes < kSmallestBatch || bytes > kLargestBatch)
      throw invalid("batch_bytes: 1kB to 100MB, which is the most that Elasticsearch takes");
    limits.batch_bytes = static_cast<size_t>(bytes);
  }
  if (const sq_value* queue = find(given, "queue_limit"))
    limits.queue_bytes = static_cast<size_t>(std::max<int64_t>(as_int(*queue), 0));
  if (limits.queue_bytes / 2 < limits.batch_bytes)
    throw invalid("queue_limit: two batches at least (batch_bytes is " +
                  std::to_string(limits.batch_bytes) + "): make it larger, or the batches smaller");
  if (const sq_value* drain = find(given, "drain")) {
    limits.drain = std::chrono::nanoseconds(as_int(*drain));
    if (limits.drain < limits.drain.zero() || limits.drain > kLongestDrain)
      throw invalid("drain: at most 60s");
  }
  if (const sq_value* spool = find(given, "spool")) {
    options.spool = as_text(*spool);
    if (options.spool.empty()) throw invalid("spool: the name of a folder, or leave it out");
  }
  if (const sq_value* limit = find(given, "spool_limit")) {
    if (options.spool.empty()) throw invalid("spool_limit: there is no spool: write `spool: DIR`");
    if (as_int(*limit) < static_cast<int64_t>(limits.batch_bytes))
      throw invalid("spool_limit: one batch at least (batch_bytes is " +
                    std::to_string(limits.batch_bytes) + ")");
    options.spool_bytes = static_cast<uint64_t>(as_int(*limit));
  }
}

}  // namespace

const sq_param* const kOptions[] = {&kUrl,    &kNamespace, &kApiKey,   &kUser,  &kPassword,
                                    &kToken,  &kCa,        &kSamples,  &kTemplates, &kSpool,
                                    &kSpoolLimit, &kQueue, &kBatch, &kDrain, nullptr};

Options read_options(std::span<const sq_pair> given) {
  Options options;
  if (!find(given, "url"))
    throw invalid("elastic needs url: write `url: https://host:9200`");
  options.address = sink::parse_address("url", text_of(given, "url"), kPort);
  if (find(given, "namespace")) options.name_space = checked_namespace(text_of(given, "namespace"));
  read_authentication(given, options);
  options.ca = text_of(given, "ca");
  if (!options.ca.empty() && !options.address.is_tls)
    throw invalid("ca: the address is http, which has no certificates: write https://");
  if (find(given, "samples")) {
    const std::string samples = text_of(given, "samples");
    if (samples != "off" && samples != "failed" && samples != "all")
      throw invalid("samples: '" + samples + "' is none of off, failed, all");
    options.samples = samples == "all"      ? Samples::all
                      : samples == "failed" ? Samples::failed
                                            : Samples::off;
  }
  if (find(given, "templates")) {
    const std::string templates = text_of(given, "templates");
    if (templates != "yes" && templates != "skip")
      throw invalid("templates: '" + templates + "' is none of yes, skip");
    options.puts_templates = templates == "yes";
  }
  read_limits(given, options);
  return options;
}

}  // namespace squall::elastic
