#include "templates.hpp"

#include <iterator>
#include <nlohmann/json.hpp>
#include <squall/output.hpp>
#include <string_view>

namespace squall::elastic {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPriority = 500;  // Elastic's own metrics-*-* and logs-*-* have up to 200
constexpr int kLongestKeyword = 1024;

struct Field {
  std::string name, type;
};

const std::vector<Field> kEverywhere = {
    {"@timestamp", "date"},
    {"ecs.version", "keyword"},
    {"data_stream.type", "constant_keyword"},
    {"data_stream.dataset", "constant_keyword"},
    {"data_stream.namespace", "constant_keyword"},
    {"event.kind", "keyword"},
    {"event.dataset", "keyword"},
    {"host.name", "keyword"},
    {"service.name", "keyword"},
    {"service.version", "keyword"},
};

const std::vector<Field> kSeries = {
    {"squall.population", "keyword"}, {"squall.task", "keyword"}, {"squall.name", "keyword"},
    {"squall.operation", "keyword"},  {"squall.type", "keyword"}, {"squall.agent", "keyword"},
};

std::vector<Field> window_fields() {
  std::vector<Field> fields = {
      {"squall.phase", "keyword"},  {"squall.count", "long"},   {"squall.failed", "long"},
      {"squall.bytes_out", "long"}, {"squall.bytes_in", "long"}, {"squall.told", "long"},
      {"squall.latency", "histogram"}, {"squall.p50", "long"},   {"squall.p95", "long"},
      {"squall.p99", "long"},       {"squall.max", "long"},
  };
  for (uint32_t kind = 1; kind < plugin::kErrorClasses; ++kind)
    fields.push_back({"squall.errors." + std::string(plugin::error_class(kind)), "long"});
  return fields;
}

const std::vector<Field> kEnvironment = {
    {"squall.gauge", "keyword"}, {"squall.kind", "keyword"}, {"squall.name", "keyword"},
    {"squall.population", "keyword"}, {"squall.value", "double"},
};

const std::vector<Field> kSample = {
    {"event.start", "date"},        {"event.end", "date"},
    {"event.duration", "long"},     {"event.outcome", "keyword"},
    {"error.type", "keyword"},      {"error.code", "keyword"},
    {"error.message", "text"},      {"http.response.status_code", "long"},
    {"squall.code", "long"},        {"squall.outcome", "keyword"},
    {"squall.user", "long"},        {"squall.iteration", "long"},
    {"squall.service_ns", "long"},  {"squall.record", "keyword"},
    {"squall.bytes_out", "long"},   {"squall.bytes_in", "long"},
};

const std::vector<Field> kEvent = {{"event.action", "keyword"}, {"message", "text"}};

Json mapping(const std::string& type) {
  Json field = {{"type", type}};
  if (type == "keyword") field["ignore_above"] = kLongestKeyword;
  return field;
}

/// a.b becomes properties/a/properties/b.
void add(Json& mappings, const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    Json* at = &mappings;
    std::string_view rest = field.name;
    for (size_t dot = rest.find('.'); dot != rest.npos; dot = rest.find('.')) {
      at = &(*at)["properties"][std::string(rest.substr(0, dot))];
      rest.remove_prefix(dot + 1);
    }
    (*at)["properties"][std::string(rest)] = mapping(field.type);
  }
}

Template made(const std::string& type, const std::string& what,
              std::initializer_list<std::vector<Field>> fields) {
  Json mappings = {
      // What a later squall adds is kept in the document and not indexed; labels are as tags are.
      {"dynamic", false},
      {"dynamic_templates",
       Json::array({Json::object(
           {{"labels", {{"path_match", "labels.*"}, {"mapping", mapping("keyword")}}}})})},
  };
  add(mappings, kEverywhere);
  for (const auto& some : fields) add(mappings, some);
  mappings["properties"]["labels"] = {{"type", "object"}, {"dynamic", true}};
  const std::string stream = type + "-squall." + what + "-";
  const Json body = {{"index_patterns", Json::array({stream + "*"})},
                     {"priority", kPriority},
                     {"version", 1},
                     {"data_stream", Json::object()},
                     {"template", {{"mappings", mappings}}},
                     {"_meta", {{"description", "squall: load tests"}}}};
  return {"squall-" + what, stream, body.dump()};
}

}  // namespace

std::vector<Template> templates() {
  return {made("metrics", "window", {kSeries, window_fields()}),
          made("metrics", "env", {kEnvironment}), made("logs", "sample", {kSeries, kSample}),
          made("logs", "event", {kEvent})};
}

}  // namespace squall::elastic
