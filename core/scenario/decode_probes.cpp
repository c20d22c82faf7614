// `probes` is short for what a scenario could write itself: a user in the background who asks each second, and a metric
// of what it was told. Here it is written out, each part at the place of the probe that it stands for.
#include <fmt/format.h>
#include <re2/re2.h>

#include "payload/units.hpp"
#include "scenario/decoder.hpp"
#include "scenario/node_writer.hpp"

namespace squall {
namespace {

constexpr std::string_view kValue = "probe_value_";   // the name under which a probe's task keeps what it read

/// RE2 for the value of one sample line: NAME, or NAME{labels}, a value, perhaps a time stamp.
std::string sample_regex(const std::string& sample) {
  return "(?m)^" + RE2::QuoteMeta(sample) + (sample.ends_with('}') ? "" : "(?:\\{[^}]*\\})?") + "\\s+(\\S+)";
}

}  // namespace

void Decoder::add_probes(const Node* probes, Node& tasks, Node& populations) {
  if (probes == nullptr || probes->is_null()) return;
  if (!probes->is_map()) return error(*probes, fmt::format("'probes' is a map of probes, this is {}", probes->kind_name()), "write `probes: { memory: { path: /mem, json: mem_mb, unit: MB } }`");
  if (!tasks.is_map() || !populations.is_map()) return;   // which is said elsewhere
  for (std::size_t i = 0; i < probes->keys.size(); ++i) {
    const Node& key = probes->keys[i];
    const Node& given = probes->items[i];
    const std::string name = "probe " + key.text;
    const NodeWriter write(key);
    const MapReader map(*this, given, kProbeKeys, fmt::format("in probe '{}'", key.text));
    const int ways = (map["json"] != nullptr) + (map["prometheus"] != nullptr) + (map["regex"] != nullptr);
    if (!given.is_map() || !map["path"] || ways != 1) {
      error(key, fmt::format("probe '{}' needs 'path' and one of json, prometheus, regex", key.text), "write `memory: { path: /mem, json: mem_mb }`");
      continue;
    }
    probes_.insert(key.text);
    const Node every = map["every"] ? fold(*map["every"], {}) : write.word("1s");
    const auto every_ns = parse_duration_ns(every.text);   // no duration: that is said of the load below
    const Node timeout = map["timeout"] ? *map["timeout"] : every_ns ? write.word(fmt::format("{}ns", *every_ns / 10 * 9)) : every;
    Node get = write.map({{"path", *map["path"]}, {"name", write.text(name)}, {"timeout", timeout}});
    if (map["to"]) write.add(get, "to", *map["to"]);
    Node capture = map["json"]    ? write.map({{"json", *map["json"]}})
                   : map["regex"] ? write.map({{"regex", *map["regex"]}})
                                  : write.map({{"regex", write.text(sample_regex(map["prometheus"]->text))}});
    Node metric = write.map({{"name", write.text(key.text)}, {"value", write.text(fmt::format("${{{}:-}}", kValue))}});
    if (map["unit"]) write.add(metric, "unit", *map["unit"]);
    Node captures = write.map({});
    write.add(captures, kValue.data(), std::move(capture));
    Node task = write.list({write.map({{"http.get", std::move(get)}, {"capture", std::move(captures)}, {"on_failure", write.word("interrupt")}}),
                            write.map({{"metric", std::move(metric)}})});
    tasks.keys.push_back(write.text(name));
    tasks.items.push_back(std::move(task));
    Node load = write.map({{"users", write.word("1")}, {"every", every}, {"phase", write.word("aligned")}, {"overrun", write.word("skip")}});
    made_roles_.push_back(PopulationSpec::Role::probe);
    populations.keys.push_back(write.text(name));
    populations.items.push_back(write.map({{"tasks", write.text(name)}, {"load", std::move(load)}, {"background", write.word("true")}}));
  }
}

}  // namespace squall
