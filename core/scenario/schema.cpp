#include "scenario/schema.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "payload/number_text.hpp"
#include "payload/payload_keys.hpp"
#include "scenario/keys.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

struct Fragment {
  std::string_view name;
  const char* json;
};

// What stands in one value. Each lets a text with ${…} through: what is put in there is known only to the loader.
constexpr Fragment kValues[] = {
    {"text", R"({"type": ["string", "number", "boolean", "null"]})"},
    {"word", R"({"type": ["string", "number", "boolean"]})"},
    {"template", R"({"type": "string", "pattern": "\\$\\{"})"},
    {"truth", R"({"enum": [true, false, "true", "false"]})"},
    {"number", R"({"anyOf": [{"type": "number"},
                             {"type": "string", "pattern": "^\\s*[-+]?[0-9.][-+0-9.eE]*\\s*$|\\$\\{"}]})"},
    {"whole", R"({"anyOf": [{"type": "integer"},
                            {"type": "string", "pattern": "^\\s*[-+]?[0-9.][-+0-9.eE]*\\s*$|\\$\\{"}]})"},
    {"duration", R"({"type": "string",
        "pattern": "^\\s*([0-9.]+([eE][-+]?[0-9]+)? *(ns|us|ms|s|m|h|d) *)+$|\\$\\{",
        "patternErrorMessage": "a duration has a unit: 500ms, 30s, 5m, 1m30s"})"},
    {"size", R"({"type": "string",
        "pattern": "^\\s*[0-9.]+([eE][-+]?[0-9]+)? *([kMGT]?B|[KMGT]iB)\\s*$|\\$\\{",
        "patternErrorMessage": "a size has a unit: 200B, 10kB, 2MiB"})"},
    {"rate", R"({"type": "string",
        "pattern": "^\\s*[0-9.]+([eE][-+]?[0-9]+)? */(s|m|h|day)\\s*$|\\$\\{",
        "patternErrorMessage": "a rate has a unit: 100/s, 30/m, 40000/day"})"},
    {"byte_rate", R"({"type": "string",
        "pattern": "^\\s*[0-9.]+([eE][-+]?[0-9]+)? *([kMGT]?B|[KMGT]iB|[kMG]?bit)/(s|m|h|day)\\s*$|\\$\\{",
        "patternErrorMessage": "a byte rate has a unit: 500 MB/s, 3 Mbit/s"})"},
    {"address", R"({"type": "string", "pattern": "^[A-Za-z][-+.A-Za-z0-9]*://|\\$\\{",
        "patternErrorMessage": "an address has a scheme: http://127.0.0.1:8080"})"},
    {"matcher", R"({"anyOf": [{"$ref": "#/definitions/word"}, {"type": "array", "items": {"$ref": "#/definitions/word"}},
                              {"$ref": "#/definitions/check"}]})"},
    {"steps", R"({"type": ["array", "null"], "items": {"$ref": "#/definitions/step"}})"},
    {"tags", R"({"type": ["object", "string"], "pattern": "\\$\\{", "additionalProperties": {"$ref": "#/definitions/text"}})"},
};

// What a type text of the tables means; words with " | " between them are choices and need no row. @ is the map of the
// key's own table. A type that is new in a table needs its row here, and nothing else.
constexpr Fragment kTypes[] = {
    {"text", R"({"$ref": "#/definitions/text"})"},
    {"name", R"({"$ref": "#/definitions/word"})"},
    {"file", R"({"$ref": "#/definitions/word"})"},
    {"file name", R"({"$ref": "#/definitions/word"})"},
    {"path", R"({"$ref": "#/definitions/word"})"},
    {"column", R"({"$ref": "#/definitions/word"})"},
    {"output", R"({"$ref": "#/definitions/word"})"},
    {"target", R"({"$ref": "#/definitions/word"})"},
    {"dataset", R"({"$ref": "#/definitions/word"})"},
    {"task", R"({"$ref": "#/definitions/word"})"},
    {"population", R"({"$ref": "#/definitions/word"})"},
    {"RE2 expression", R"({"$ref": "#/definitions/word"})"},
    {"template of a number", R"({"$ref": "#/definitions/text"})"},
    {"value", R"({"$ref": "#/definitions/text"})"},
    {"anything", R"({})"},
    {"nothing", R"({"enum": [null, true, "true"]})"},
    {"user", R"({"enum": ["user"]})"},
    {"true | false", R"({"$ref": "#/definitions/truth"})"},

    {"number", R"({"$ref": "#/definitions/number"})"},
    {"whole number", R"({"$ref": "#/definitions/whole"})"},
    {"quantity", R"({"$ref": "#/definitions/word"})"},
    {"number or quantity", R"({"$ref": "#/definitions/word"})"},
    {"duration", R"({"$ref": "#/definitions/duration"})"},
    {"size", R"({"$ref": "#/definitions/size"})"},
    {"rate", R"({"$ref": "#/definitions/rate"})"},
    {"byte rate", R"({"$ref": "#/definitions/byte_rate"})"},
    {"address", R"({"$ref": "#/definitions/address"})"},
    {"all | whole number", R"({"anyOf": [{"enum": ["all"]}, {"$ref": "#/definitions/whole"}]})"},
    {"duration or %", R"({"anyOf": [{"$ref": "#/definitions/duration"}, {"type": "string", "pattern": "%$|^±"}]})"},

    {"distribution", R"({"anyOf": [{"$ref": "#/definitions/distribution"}, {"$ref": "#/definitions/word"}]})"},
    {"duration or distribution", R"({"anyOf": [{"$ref": "#/definitions/duration"}, {"$ref": "#/definitions/distribution"}]})"},
    {"number or distribution", R"({"anyOf": [{"$ref": "#/definitions/number"}, {"$ref": "#/definitions/distribution"}]})"},
    {"whole number or distribution", R"({"anyOf": [{"$ref": "#/definitions/whole"}, {"$ref": "#/definitions/distribution"}]})"},
    {"size or distribution", R"({"anyOf": [{"$ref": "#/definitions/word"}, {"$ref": "#/definitions/distribution"}]})"},
    {"duration, distribution, or map task: duration", R"({"anyOf": [{"$ref": "#/definitions/duration"},
        {"$ref": "#/definitions/distribution"}, {"type": "object", "additionalProperties": {"anyOf": [
            {"$ref": "#/definitions/duration"}, {"$ref": "#/definitions/distribution"}]}}]})"},

    {"list", R"({"type": ["array", "string"], "pattern": "\\$\\{"})"},
    {"list of two", R"({"type": ["array", "string"], "pattern": "\\$\\{", "minItems": 2, "maxItems": 2})"},
    {"list of addresses", R"({"anyOf": [{"$ref": "#/definitions/text"}, {"type": "array", "items": {"$ref": "#/definitions/text"}}]})"},
    {"list of steps", R"({"$ref": "#/definitions/steps"})"},
    {"one or more steps", R"({"type": ["array", "string"], "pattern": "\\$\\{", "minItems": 1, "items": {"$ref": "#/definitions/step"}})"},
    {"list of branches", R"({"type": ["array", "string"], "pattern": "\\$\\{", "minItems": 1, "items": {"$ref": "#/definitions/either"}})"},
    {"list of stages", R"({"type": ["array", "string"], "pattern": "\\$\\{", "minItems": 1, "items": {"$ref": "#/definitions/stage"}})"},
    {"list of parts", R"({"type": ["array", "string"], "pattern": "\\$\\{", "minItems": 1, "items": {"$ref": "#/definitions/part"}})"},
    {"list of rules", R"({"type": ["array", "string", "null"], "pattern": "\\$\\{", "items": {"$ref": "#/definitions/word"}})"},
    {"list of outputs", R"({"type": ["array", "string", "null"], "pattern": "\\$\\{", "items": {"$ref": "#/definitions/output"}})"},
    {"file or list of files", R"({"anyOf": [{"$ref": "#/definitions/text"}, {"type": "array", "items": {"$ref": "#/definitions/word"}}]})"},

    {"map", R"({"$ref": "#/definitions/@"})"},
    {"name or map", R"({"anyOf": [{"$ref": "#/definitions/word"}, {"$ref": "#/definitions/@"}]})"},
    {"dataset or map", R"({"anyOf": [{"$ref": "#/definitions/word"}, {"$ref": "#/definitions/@"}]})"},
    {"number, distribution or map", R"({"anyOf": [{"$ref": "#/definitions/whole"}, {"$ref": "#/definitions/distribution"},
                                                  {"$ref": "#/definitions/@"}]})"},
    {"task, list, or map of weights", R"({"anyOf": [{"$ref": "#/definitions/word"},
        {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/word"}},
        {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/number"}}]})"},
    {"map of values", R"({"type": ["object", "string", "null"], "pattern": "\\$\\{"})"},
    {"map of texts", R"({"$ref": "#/definitions/tags"})"},
    {"map of names", R"({"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/definitions/word"}, {"$ref": "#/definitions/capture"}]}})"},
    {"map of checks", R"({"type": "object", "additionalProperties": {"$ref": "#/definitions/matcher"}})"},
    {"map of path: value", R"({"type": "object", "additionalProperties": {"$ref": "#/definitions/matcher"}})"},
    {"matchers", R"({"$ref": "#/definitions/matcher"})"},
    {"map of column: value", R"({"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/text"}})"},
    {"map of column: value or list", R"({"type": "object", "additionalProperties": {"anyOf": [
        {"$ref": "#/definitions/text"}, {"type": "array", "items": {"$ref": "#/definitions/text"}}]}})"},
    {"map of name: list", R"({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {
        "type": ["array", "string"], "pattern": "\\$\\{", "minItems": 1}})"},
    {"map of generators", R"({"type": ["object", "string"], "pattern": "\\$\\{"})"},
    {"map of repeated parts", R"({"type": ["object", "string"], "pattern": "\\$\\{", "additionalProperties": {"$ref": "#/definitions/each"}})"},
    {"map of addresses", R"({"type": ["object", "null"], "additionalProperties": {"anyOf": [
        {"$ref": "#/definitions/address"}, {"$ref": "#/definitions/target"}]}})"},
    {"map of options", R"({"$ref": "#/definitions/plugins"})"},
    {"map of datasets", R"({"type": ["object", "null"], "additionalProperties": {"anyOf": [
        {"$ref": "#/definitions/word"}, {"$ref": "#/definitions/dataset"}]}})"},
    {"map of payloads", R"({"type": ["object", "null"], "additionalProperties": {"$ref": "#/definitions/payload"}})"},
    {"map of tasks", R"({"type": ["object", "null"], "additionalProperties": {"$ref": "#/definitions/task"}})"},
    {"map of populations", R"({"type": ["object", "null"], "additionalProperties": {"$ref": "#/definitions/population"}})"},
    {"map of probes", R"({"type": ["object", "null"], "additionalProperties": {"$ref": "#/definitions/probe"}})"},
    {"map of lists", R"({"type": ["object", "null"], "additionalProperties": {"anyOf": [
        {"$ref": "#/definitions/word"}, {"type": "array", "items": {"$ref": "#/definitions/word"}}]}})"},
};

// What a table cannot say of its map, laid over its definition: which keys must be there, and which one of several.
constexpr Fragment kRules[] = {
    {"scenario", R"({"type": "object", "required": ["tasks", "populations"]})"},
    {"run", R"({"type": ["object", "null"]})"},
    {"target", R"({"required": ["url"]})"},
    {"dataset", R"({"required": ["file"]})"},
    {"stage", R"({"required": ["for"], "oneOf": [{"required": ["users"]}, {"required": ["rate"]}]})"},
    {"stop_after", R"({"minProperties": 1})"},
    {"until", R"({"required": ["every"]})"},
    {"if", R"({"required": ["value"], "minProperties": 2})"},
    {"repeat", R"({"oneOf": [{"required": ["times"]}, {"required": ["for"]}]})"},
    {"either", R"({"type": "object", "required": ["steps"]})"},
    {"acquire", R"({"required": ["from"]})"},
    {"take", R"({"required": ["from", "as"]})"},
    {"barrier", R"({"required": ["name"]})"},
    {"metric", R"({"required": ["name", "value"]})"},
    {"probe", R"({"type": "object", "required": ["path"],
                  "oneOf": [{"required": ["json"]}, {"required": ["prometheus"]}, {"required": ["regex"]}]})"},
    {"check", R"({"type": "object", "minProperties": 1})"},
    {"capture", R"({"type": "object", "minProperties": 1})"},
    {"each", R"({"required": ["count"], "oneOf": [{"required": ["template"]}, {"required": ["text"]}, {"required": ["json"]}]})"},
    {"pad", R"({"required": ["field", "to"]})"},
    {"part", R"({"required": ["name"]})"},
};

// Maps that are put together of several tables.
constexpr std::pair<std::string_view, std::string_view> kMixed[] = {
    {"if", "check"}, {"part", "payload"}, {"part", "beside a payload"}, {"distribution", "beside a distribution"}};

Json parsed(std::string_view text) { return Json::parse(text); }

Json ref(std::string_view definition) { return {{"$ref", fmt::format("#/definitions/{}", definition)}}; }

Json any_of(std::vector<Json> parts) { return {{"anyOf", std::move(parts)}}; }

const KeyTable* find_table(std::string_view name) {
  const auto tables = key_tables();
  const auto found = std::ranges::find(tables, name, &KeyTable::name);
  return found == tables.end() ? nullptr : &*found;
}

const KeyTable& table(std::string_view name) {
  if (const KeyTable* found = find_table(name)) return *found;
  throw std::logic_error(fmt::format("schema: there is no table '{}'", name));
}

/// "keep | new" as a choice; nothing when the type is no list of words.
std::optional<Json> choice(std::string_view type) {
  if (type.find(" | ") == type.npos) return std::nullopt;
  Json words = Json::array();
  for (std::size_t begin = 0; begin < type.size();) {
    const std::size_t end = std::min(type.find(" | ", begin), type.size());
    const std::string_view word = type.substr(begin, end - begin);
    if (word.find(' ') != word.npos) return std::nullopt;   // not a word: "all | whole number"
    words.push_back(word);
    begin = end + 3;
  }
  return any_of({{{"enum", std::move(words)}}, ref("template")});
}

Json fragment(const Key& key, const KeyTable& owner) {
  const auto found = std::ranges::find(kTypes, key.type, &Fragment::name);
  if (found == std::end(kTypes)) {
    if (auto words = choice(key.type)) return std::move(*words);
    throw std::logic_error(fmt::format("schema: '{}' of '{}' has the type '{}', which has no row in kTypes", key.name, owner.name, key.type));
  }
  std::string text = found->json;
  if (const std::size_t place = text.find('@'); place != text.npos) {
    const std::string of_both = fmt::format("{}.{}", owner.name, key.name);
    text.replace(place, 1, find_table(of_both) ? of_both : table(key.name).name);
  }
  return parsed(text);
}

void add_properties(Json& definition, const KeyTable& from) {
  for (const Key& key : from.keys) {
    if (key.is_later) continue;
    Json property = fragment(key, from);
    property["description"] = key.doc;
    definition["properties"][std::string(key.name)] = std::move(property);
  }
}

/// A closed map, or a text with ${…} that stands for one.
Json closed_map() {
  return {{"type", {"object", "string"}}, {"pattern", "\\$\\{"}, {"properties", Json::object()}, {"additionalProperties", false}};
}

Json definition_of(const KeyTable& from) {
  Json definition = closed_map();
  add_properties(definition, from);
  for (const auto& [name, also] : kMixed)
    if (name == from.name) add_properties(definition, table(also));
  for (const Fragment& rule : kRules)
    if (rule.name == from.name) definition.update(parsed(rule.json));
  if (definition["type"] == "object" || definition["type"] == Json{"object", "null"}) definition.erase("pattern");
  return definition;
}

// ---- what plugins describe

/// One single value of a parameter.
Json scalar_of(const ParamInfo& param) {
  if (!param.choices.empty()) {
    Json words = Json::array();
    for (const std::string& word : param.choices) {
      words.push_back(word);
      Number number;
      if (parse_number(word, number)) words.push_back(number.is_whole ? Json(number.whole) : Json(number.real));
    }
    return any_of({{{"enum", std::move(words)}}, ref("template")});
  }
  if (param.unit == SQ_U_BYTES) return ref("size");
  if (param.unit == SQ_U_BYTES_PER_S) return ref("byte_rate");
  if (param.unit == SQ_U_PER_S) return ref("rate");
  switch (param.type) {
    case SQ_T_BOOL: return any_of({ref("truth"), ref("template")});
    case SQ_T_DURATION: return ref("duration");
    case SQ_T_I64: return ref("whole");
    case SQ_T_F64: return ref("number");
    default: return ref("word");
  }
}

Json param_schema(const ParamInfo& param, bool is_option) {
  Json schema;
  if (param.unit == SQ_U_JSON) schema = Json::object();
  else if (param.type == SQ_T_SOURCE) schema = ref("payload");
  else if (param.type == SQ_T_MAP) schema = {{"type", {"object", "string"}}, {"pattern", "\\$\\{"}};
  else if (param.type == SQ_T_LIST) schema = any_of({{{"type", "array"}}, ref("word")});
  else if (is_option || param.is_static()) schema = scalar_of(param);
  else schema = any_of({scalar_of(param), ref("distribution")});
  schema["description"] = param.doc;
  if (param.default_json) schema["default"] = parsed(*param.default_json);
  return schema;
}

Json params_schema(const std::vector<ParamInfo>& params, bool are_options) {
  Json schema = closed_map();
  Json required = Json::array();
  for (const ParamInfo& param : params) {
    schema["properties"][param.name] = param_schema(param, are_options);
    if (param.is_required() && param.name != "path") required.push_back(param.name);   // `to` may hold the path
  }
  if (required.empty()) schema["type"].push_back("null");
  else schema["required"] = std::move(required);
  return schema;
}

Json operation_schema(const OperationInfo& operation) {
  Json schema = params_schema(operation.params, false);
  add_properties(schema, table("operation"));
  schema.erase("pattern");   // http.get: /path is short for its map
  schema["description"] = operation.doc;
  return schema;
}

/// Options by plugin; of one that the scenario brings along nothing is known but its library.
Json plugins_schema(const OperationCatalog& catalog) {
  Json schema = {{"type", {"object", "null"}}, {"properties", Json::object()}};
  for (const ProtocolInfo& protocol : catalog.protocols) {
    Json options = params_schema(protocol.options, true);
    add_properties(options, table("plugin"));
    schema["properties"][protocol.name] = std::move(options);
  }
  schema["additionalProperties"] = {{"type", "object"}, {"required", {"library"}}};
  return schema;
}

Json output_schema(const OperationCatalog& catalog) {
  Json names = Json::array();
  Json by_name = {{"type", "object"}, {"minProperties", 1}, {"maxProperties", 1}, {"properties", Json::object()},
                  {"additionalProperties", false}};
  for (const OutputInfo& output : catalog.outputs) {
    names.push_back(output.name);
    by_name["properties"][output.name] = params_schema(output.options, true);
  }
  return any_of({{{"enum", std::move(names)}}, std::move(by_name)});
}

// ---- steps

/// A step is one operation or control word, with what stands beside it; `- interrupt` is short for its map.
Json step_schema(const OperationCatalog& catalog) {
  Json step = {{"type", {"object", "string"}}, {"properties", Json::object()}, {"additionalProperties", false}};
  Json one_of = Json::array(), words = Json::array();
  const auto add = [&](const std::string& word) {
    one_of.push_back({{"required", {word}}});
    words.push_back(word);
  };
  for (const ProtocolInfo& protocol : catalog.protocols)
    for (const OperationInfo& operation : protocol.operations) {
      const std::string name = protocol.name + "." + operation.name;
      step["properties"][name] = operation_schema(operation);
      add(name);
    }
  for (const TaskInfo& task : catalog.tasks) {
    step["properties"][task.name] = params_schema(task.options, true);
    step["properties"][task.name]["description"] = task.doc;
    add(task.name);
  }
  add_properties(step, table("control step"));
  for (const Key& key : table("control step").keys)
    if (!key.is_later) add(std::string(key.name));
  add_properties(step, table("step"));
  step["if"] = {{"type", "object"}};
  step["then"] = {{"oneOf", std::move(one_of)}};
  step["else"] = {{"enum", std::move(words)}};
  return step;
}

/// A list of steps, a map with `steps`, or one step that has no steps of its own.
Json task_schema(const Json& step) {
  Json map = definition_of(table("task")), one = step;
  map["type"] = "object";
  map.erase("pattern");
  map["required"] = {"steps"};
  Json its_own = Json::object();
  add_properties(its_own, table("task"));
  for (const auto& [name, property] : its_own["properties"].items())
    if (!one["properties"].contains(name)) one["properties"][name] = property;
  one["properties"].erase("steps");
  one["type"] = "object";
  return any_of({{{"type", "array"}, {"items", ref("step")}}, std::move(map), std::move(one)});
}

Json payload_schema() {
  Json map = definition_of(table("payload"));
  map["type"] = "object";
  map.erase("pattern");
  Json one_of = Json::array();
  for (const Key& kind : table("payload").keys) one_of.push_back({{"required", {kind.name}}});
  map["oneOf"] = std::move(one_of);
  add_properties(map, table("beside a payload"));
  return any_of({ref("word"), std::move(map)});
}

}  // namespace

std::string scenario_schema(const OperationCatalog& catalog) {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "squall scenario"}};
  schema.update(definition_of(table("scenario")));
  Json& definitions = schema["definitions"];
  for (const Fragment& value : kValues) definitions[std::string(value.name)] = parsed(value.json);
  for (const KeyTable& from : key_tables()) {
    // These are parts of others.
    if (from.name == "scenario" || from.name == "step" || from.name == "control step" || from.name == "operation" ||
        from.name == "plugin" || from.name.starts_with("beside "))
      continue;
    definitions[std::string(from.name)] = definition_of(from);
  }
  definitions["distribution"]["minProperties"] = 1;
  definitions["payload"] = payload_schema();
  definitions["plugins"] = plugins_schema(catalog);
  definitions["output"] = output_schema(catalog);
  definitions["step"] = step_schema(catalog);
  definitions["task"] = task_schema(definitions["step"]);
  return schema.dump(2) + "\n";
}

std::string list_keys() {
  std::string list;
  for (const KeyTable& from : key_tables())
    for (const Key& key : from.keys)
      if (!key.is_later) list += fmt::format("{}\t{}\t{}\t{}\n", from.name, key.name, key.type, key.doc);
  return list;
}

}  // namespace squall
