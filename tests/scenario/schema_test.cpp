// The schema has all that the tables and the plugins have, and nothing that is not supported yet. That it agrees with the
// loader is shown by tests/must_show/mutated_files.py, with a validator of others.
#include "scenario/schema.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "catalog_for_tests.hpp"
#include "scenario/keys.hpp"

namespace squall {
namespace {

using nlohmann::json;

const json& schema() {   // throws when a type text of a table has no fragment
  static const json made = json::parse(scenario_schema(catalog_for_tests()));
  return made;
}

void collect_keys(const json& part, std::set<std::string>& keys) {
  if (part.contains("properties") && part.contains("additionalProperties"))   // not a parameter that is called so
    for (const auto& [name, value] : part["properties"].items()) keys.insert(name);
  for (const auto& value : part)
    if (value.is_structured()) collect_keys(value, keys);
}

TEST(Schema, HasEveryKeyThatIsSupportedAndNoOther) {
  std::set<std::string> offered, known;
  collect_keys(schema(), offered);
  for (const KeyTable& table : key_tables())
    for (const Key& key : table.keys)
      if (!key.is_later) known.insert(std::string(key.name));
  for (const std::string& key : known) EXPECT_TRUE(offered.contains(key)) << key;
  for (const ProtocolInfo& protocol : catalog_for_tests().protocols) {
    known.insert(protocol.name);
    for (const ParamInfo& option : protocol.options) known.insert(option.name);
    for (const OperationInfo& operation : protocol.operations) {
      known.insert(protocol.name + "." + operation.name);
      for (const ParamInfo& param : operation.params) known.insert(param.name);
    }
  }
  for (const OutputInfo& output : catalog_for_tests().outputs) {
    known.insert(output.name);
    for (const ParamInfo& option : output.options) known.insert(option.name);
  }
  for (const std::string& key : offered) EXPECT_TRUE(known.contains(key)) << key;
}

TEST(Schema, EachReferenceLeadsToADefinition) {
  const auto search = [](const auto& self, const json& part) -> void {
    if (part.is_object() && part.contains("$ref")) {
      const std::string to = part["$ref"];
      EXPECT_TRUE(schema()["definitions"].contains(to.substr(to.rfind('/') + 1))) << to;
    }
    for (const auto& value : part)
      if (value.is_structured()) self(self, value);
  };
  search(search, schema());
}

TEST(Schema, KeysCarryWhatTheTablesSayOfThem) {
  EXPECT_EQ(schema()["properties"]["seed"]["description"], "same seed, same arrivals, picks and payloads; 0 when absent");
  const json& get = schema()["definitions"]["step"]["properties"]["http.get"];
  EXPECT_TRUE(get["properties"].contains("path"));
  EXPECT_TRUE(get["properties"].contains("timeout"));
  EXPECT_EQ(get["additionalProperties"], false);
  EXPECT_EQ(schema()["definitions"]["load"]["properties"]["arrivals"]["anyOf"][0]["enum"], json({"even", "poisson"}));
}

TEST(Schema, TheListOfKeysHasTheirMaps) {
  const std::string list = list_keys();
  EXPECT_NE(list.find("run.valid\tlag\tduration\t"), std::string::npos);
  EXPECT_NE(list.find("load\tarrivals\teven | poisson\thow arrivals are spaced; even when absent\n"), std::string::npos);
  EXPECT_EQ(list.find("\tpool\t"), std::string::npos);   // not supported yet
}

}  // namespace
}  // namespace squall
