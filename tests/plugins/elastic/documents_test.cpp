// What is sent of a batch: two lines an item, the same whenever they are made, every field of the type
// that our templates give it.
#include "documents.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "fake_output.hpp"
#include "templates.hpp"

namespace squall::elastic {
namespace {

using fake::str;
using fake::text_value;
using Json = nlohmann::json;

struct Document {
  std::string index, id;
  Json fields;
};

std::vector<Document> parsed(const std::vector<sink::Record>& records) {
  std::vector<Document> found;
  for (const sink::Record& record : records) {
    EXPECT_EQ(record.items, 1u);
    EXPECT_EQ(std::count(record.bytes.begin(), record.bytes.end(), '\n'), 2) << record.bytes;
    EXPECT_TRUE(record.bytes.ends_with('\n'));
    const size_t middle = record.bytes.find('\n');
    const Json action = Json::parse(record.bytes.substr(0, middle));
    EXPECT_EQ(action.size(), 1u);
    found.push_back({action.at("create").at("_index"), action.at("create").at("_id"), Json::parse(record.bytes.substr(middle + 1))});
  }
  return found;
}

/// Of a template, by path.
std::map<std::string, std::string> field_types(const Json& mappings, const std::string& path = "") {
  std::map<std::string, std::string> types;
  if (!mappings.contains("properties")) return types;
  for (const auto& [name, field] : mappings["properties"].items()) {
    if (field.contains("type")) types[path + name] = field["type"];
    types.merge(field_types(field, path + name + "."));
  }
  return types;
}

bool fits(const Json& value, const std::string& type) {
  if (type == "long") return value.is_number_integer();
  if (type == "double") return value.is_number() || value.is_null();
  if (type == "histogram") return value.is_object();
  if (type == "date") return value.is_string() && value.get<std::string>().ends_with('Z');
  return value.is_string();
}

void expect_typed(const Document& document) {
  for (const Template& one : templates()) {
    if (!document.index.starts_with(one.stream)) continue;
    const auto types = field_types(Json::parse(one.body)["template"]["mappings"]);
    for (const auto& [name, value] : document.fields.items()) {
      if (name.starts_with("labels.")) {
        EXPECT_TRUE(value.is_string() && name.find('.', 7) == name.npos) << name;
        continue;
      }
      const auto type = types.find(name);
      if (type == types.end()) ADD_FAILURE() << one.name << " has no " << name;
      else EXPECT_TRUE(fits(value, type->second)) << name << ": " << value << " is no " << type->second;
    }
    return;
  }
  ADD_FAILURE() << "no template for " << document.index;
}

const uint32_t kIndex[] = {1000, 1030, 5000};
const uint64_t kCount[] = {1, 2, 3};

/// A batch that has everything.
struct Whole : fake::Batch {
  explicit Whole(uint64_t number) : fake::Batch(number), tags{{str("site"), text_value("a \"b\"")}, {str("a.b"), text_value("1")}, {str("a_b"), text_value("2")}} {
    page.tags = tags;
    page.n_tags = 3;
    series = {&page, &job};
    events = {{1'795'000'000'000'000'000, str("run"), str("0192-run")}, {1'795'000'000'000'000'001, str("start"), str("shop")}};
    sq_window& window = add_window(0);
    window.count = 6;
    window.failed = 3;
    window.bytes_out = 10;
    window.bytes_in = 20;
    window.response = {kIndex, kCount, 3, 6, 0, 1000, SQ_HIST_LOW(5000)};
    window.errors = errors;
    window.n_errors = 3;
    sq_window& warmup = add_window(0);
    warmup.flags = SQ_W_WARMUP;
    warmup.told = 4;
    gauges = {{str("users"), 3}, {str("users.visitors"), 3}, {str("probe.cpu.load"), 0.25}, {str("lag_p99_s"), std::nan("")}};
    add_sample(0);
    sq_sample& failed = add_sample(1);
    failed.outcome = SQ_OUT_FAILED;
    failed.kind = SQ_K_STATUS;
    failed.code = 503;
    failed.detail = str("bad \xff\n\"byte\"");
    failed.record = str("row 7");
    sq_sample& late = add_sample(0);
    late.outcome = SQ_OUT_TIMEOUT;
  }
  sq_series_desc page = fake::series(0, "page"), job = [] {
    sq_series_desc made = fake::series(1, "import");
    made.operation = str("job.run");
    made.type = str("job");
    return made;
  }();
  sq_pair tags[3];
  sq_error_count errors[3] = {{SQ_K_STATUS, 500, {}, 1}, {SQ_K_STATUS, 503, {}, 1}, {SQ_K_TIMEOUT, 0, {}, 1}};
};

std::vector<Document> render(Documents& documents, Whole& batch) {
  return parsed(documents.render(plugin::Batch(*batch.view())).records);
}

Documents of(Samples samples) { return Documents({"team", "box", "1.2"}, samples); }

TEST(ElasticDocuments, EachItemIsADocumentWithTheTypesOfOurTemplates) {
  Documents documents = of(Samples::all);
  Whole batch(3);
  const auto made = render(documents, batch);
  EXPECT_EQ(made.size(), batch.windows.size() + batch.gauges.size() + batch.samples.size() + batch.events.size());
  std::set<std::string> ids;
  for (const Document& document : made) {
    EXPECT_TRUE(ids.insert(document.id).second) << document.id;
    EXPECT_TRUE(document.id.starts_with("0192-run-")) << document.id;
    EXPECT_TRUE(document.index.ends_with("-team")) << document.index;
    EXPECT_EQ(document.fields.at("labels.run_id"), "0192-run");
    EXPECT_EQ(document.fields.at("labels.scenario"), "shop");
    EXPECT_EQ(document.fields.at("host.name"), "box");
    EXPECT_EQ(document.index, document.fields.at("data_stream.type").get<std::string>() + "-" +
                                  document.fields.at("data_stream.dataset").get<std::string>() + "-team");
    expect_typed(document);
  }
}

TEST(ElasticDocuments, TheSameBatchIsTheSameBytes) {
  Documents one = of(Samples::all), other = of(Samples::all);
  Whole batch(3);
  const auto first = one.render(plugin::Batch(*batch.view())).records, second = other.render(plugin::Batch(*batch.view())).records;
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].bytes, second[i].bytes);
  Whole next(4);
  EXPECT_NE(render(one, next)[0].id, parsed(first)[0].id);
}

TEST(ElasticDocuments, AWindow) {
  Documents documents = of(Samples::off);
  Whole batch(0);
  const auto made = render(documents, batch);
  const Json& window = made[0].fields;
  EXPECT_EQ(made[0].index, "metrics-squall.window-team");
  EXPECT_EQ(window["@timestamp"], "2026-11-18T11:06:40.000000000Z");
  EXPECT_EQ(window["squall.population"], "visitors");
  EXPECT_EQ(window["squall.name"], "page");
  EXPECT_EQ(window["squall.phase"], "main");
  EXPECT_EQ(window["squall.count"], 6);
  EXPECT_EQ(window["squall.failed"], 3);
  EXPECT_EQ(window["squall.errors.status"], 2);
  EXPECT_EQ(window["squall.errors.timeout"], 1);
  EXPECT_EQ(window["labels.tag_site"], "a \"b\"");
  EXPECT_EQ(window["labels.tag_a_b"], "1");
  EXPECT_EQ(window["labels.tag_a_b_2"], "2");
  const auto& values = window["squall.latency"]["values"];
  EXPECT_EQ(window["squall.latency"]["counts"], Json(std::vector<int>{1, 2, 3}));
  ASSERT_EQ(values.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_GE(values[i].get<uint64_t>(), SQ_HIST_LOW(kIndex[i]));
    EXPECT_LT(values[i].get<uint64_t>(), SQ_HIST_LOW(kIndex[i] + 1));
  }
  EXPECT_EQ(window["squall.p50"], values[1]);
  EXPECT_EQ(window["squall.p99"], values[2]);
  EXPECT_EQ(window["squall.max"], SQ_HIST_LOW(5000));
  const Json& warmup = made[1].fields;
  EXPECT_EQ(warmup["squall.phase"], "warmup");
  EXPECT_EQ(warmup["squall.told"], 4);
  EXPECT_FALSE(warmup.contains("squall.latency")) << "of nothing there is no histogram";
}

TEST(ElasticDocuments, GaugesEventsAndSamples) {
  Documents documents = of(Samples::failed);
  Whole batch(0);
  const auto made = render(documents, batch);
  ASSERT_EQ(made.size(), 2u + 4 + 2 + 2);
  const Json &users = made[3].fields, &probe = made[4].fields, &nan = made[5].fields;
  EXPECT_EQ(made[3].index, "metrics-squall.env-team");
  EXPECT_EQ(users["squall.gauge"], "users.visitors");
  EXPECT_EQ(users["squall.population"], "visitors");
  EXPECT_EQ(users["squall.value"], 3);
  EXPECT_EQ(probe["squall.kind"], "probe");
  EXPECT_EQ(probe["squall.name"], "cpu.load");
  EXPECT_EQ(probe["squall.value"], 0.25);
  EXPECT_TRUE(nan["squall.value"].is_null());
  const Json &failed = made[6].fields, &late = made[7].fields;
  EXPECT_EQ(made[6].index, "logs-squall.sample-team");
  EXPECT_EQ(failed["squall.type"], "job");
  EXPECT_EQ(failed["event.outcome"], "failure");
  EXPECT_EQ(failed["event.duration"], 2500);
  EXPECT_EQ(failed["squall.service_ns"], 2300);
  EXPECT_EQ(failed["error.type"], "status");
  EXPECT_EQ(failed["error.message"], "bad \xef\xbf\xbd\n\"byte\"");
  EXPECT_EQ(failed["squall.record"], "row 7");
  EXPECT_FALSE(failed.contains("http.response.status_code")) << "a job has none";
  EXPECT_EQ(late["error.type"], "timeout");
  EXPECT_EQ(late["http.response.status_code"], 200);
  const Json& event = made[9].fields;
  EXPECT_EQ(made[9].index, "logs-squall.event-team");
  EXPECT_EQ(event["event.action"], "start");
  EXPECT_EQ(event["message"], "shop");
  Documents all = of(Samples::all), off = of(Samples::off);
  EXPECT_EQ(render(all, batch).size(), 11u);
  EXPECT_EQ(render(off, batch).size(), 8u);
}

TEST(ElasticDocuments, WhatWasNeverDescribedIsNotGuessed) {
  Documents documents = of(Samples::all);
  fake::Batch batch(0);
  batch.add_window(9);
  batch.add_sample(9);
  const auto rendered = documents.render(plugin::Batch(*batch.view()));
  EXPECT_EQ(rendered.unknown, 2u);
  EXPECT_TRUE(rendered.records.empty());
}

TEST(ElasticTemplates, AreDataStreamsThatBeatElasticsOwn) {
  std::set<std::string> names;
  for (const Template& one : templates()) {
    names.insert(one.name);
    const Json body = Json::parse(one.body);
    EXPECT_EQ(body["index_patterns"], Json::array({one.stream + "*"}));
    EXPECT_GT(body["priority"], 200);
    EXPECT_EQ(body["data_stream"], Json::object());
    const Json& mappings = body["template"]["mappings"];
    EXPECT_EQ(mappings["dynamic"], false);
    EXPECT_EQ(mappings["dynamic_templates"][0]["labels"]["path_match"], "labels.*");
    EXPECT_EQ(mappings["properties"]["@timestamp"]["type"], "date");
    EXPECT_EQ(mappings["properties"]["labels"]["dynamic"], true);
  }
  EXPECT_EQ(names, (std::set<std::string>{"squall-window", "squall-env", "squall-sample", "squall-event"}));
}

}  // namespace
}  // namespace squall::elastic
