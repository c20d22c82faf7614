// From the tree of the file to the model. One pass over each section; every mistake is reported at its
// place and decoding goes on with a default, so that all mistakes of a file come out at once.
// Private to this room: others call load_scenario(). The sections are in decode_*.cpp.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenario/keys.hpp"
#include "scenario/loader.hpp"
#include "scenario/node.hpp"
#include "stats/threshold.hpp"

namespace squall {

/// A captured or set name, or a record whose columns take slots in a row.
struct Local {
  std::uint32_t slot = 0;
  std::uint32_t dataset = kNone;
};
using Locals = std::map<std::string, Local, std::less<>>;

/// What `${…}` may name at a place.
struct NameScope {
  const Locals* locals = nullptr;
  bool varies = false;   // user.*, arrival.index, records, locals, generators with memory
  bool env = false;      // targets, outputs, vars
  bool args = false;     // ${arg.x} stays as it is: argv templates
  bool for_life = false; // varies by user only: user.index, records of `pick: per_user`
};

inline constexpr const char* kForLifeHint = "user.index and records of `pick: per_user` stay the same";

/// What a list of steps sees of its surroundings.
struct StepPlace {
  const NameScope& scope;
  std::string where;                                 // "task 'visit'", for messages
  bool lives_with_user = false;                      // on_start, on_stop: what it keeps lives on
};

class MapReader;

class Decoder {
 public:
  /// `files`: the scenario's own, then those that it includes.
  Decoder(std::vector<std::string> files, std::string folder, const OperationCatalog& catalog, const LoadOptions& options,
          Diagnostics& diagnostics);

  void decode(const Node& root);
  Scenario take() { return std::move(scenario_); }

  // ---- messages
  void error(const Node& at, std::string message, std::string hint = {});
  void error(Mark mark, std::uint32_t length, std::string message, std::string hint = {});
  void warn(Mark mark, std::string message, std::string hint = {});
  /// Of the command line: no place in the file.
  void option_error(std::string message, std::string hint = {});
  /// Another room's text; what stands in brackets at its end becomes the hint.
  void error_from(const Node& at, const Error& error, std::string_view before = {});
  /// The same for a mistake somewhere below `tree`: at the key or value that the text quotes, if one is there.
  void error_below(const Node& tree, const Error& error, std::string_view before, std::string hint = {});
  /// "unknown dataset 'x'" with the nearest of `known`, or all of them when they are few.
  /// "did you mean 'x'?", or "".
  static std::string did_you_mean_one_of(std::string_view name, const std::vector<std::string>& known);
  /// The same, or what there is when that is little.
  static std::string suggestion(std::string_view kind, std::string_view name, const std::vector<std::string>& known);
  void unknown(const Node& at, std::string_view kind, std::string_view name, const std::vector<std::string>& known);

  // ---- values (decode_values.cpp); `what` is for messages: "'every'"
  /// The node with vars put in: a whole "${x}" becomes x's list, map or scalar, text with constant holes
  /// becomes text. What still varies, or holds a secret, keeps its holes.
  Node fold(const Node& node, const NameScope& scope);
  std::optional<Template> compile(const Node& scalar, const NameScope& scope,
                                  Template::Escape escape = Template::Escape::none);
  Template text_template(const Node& node, const NameScope& scope, std::string_view what);
  /// A file that may differ from user to user, and is the same for all of a user's life.
  Template file_of_user(const Node& node, std::string_view what);
  std::string text(const Node& node, const NameScope& scope, std::string_view what);
  std::optional<double> quantity(const Node& node, const NameScope& scope, UnitKind unit, std::string_view what);
  std::optional<double> positive(const Node& node, const NameScope& scope, UnitKind unit, std::string_view what);
  std::optional<std::uint64_t> whole(const Node& node, const NameScope& scope, std::string_view what,
                                     std::uint64_t lowest = 0, std::uint64_t highest = 1'000'000'000'000);
  std::int64_t duration(const Node& node, std::string_view what);
  bool boolean(const Node& node, const NameScope& scope, std::string_view what, bool fallback = false);
  /// Index of the word among `words`; 0 after a mistake.
  std::size_t word(const Node& node, std::string_view what, std::span<const std::string_view> words);
  /// Of any shape, with nothing that varies.
  std::optional<Value> value(const Node& node, const NameScope& scope);
  /// Of any shape; texts keep their holes, for a compiler of their own. Vars that are a whole value are put in.
  Value raw_value(const Node& node, const NameScope& scope);
  std::optional<Distribution> distribution(const Node& map, const NameScope& scope, UnitKind unit, bool is_gap = false);
  /// A duration, a distribution of durations or a template of one; divided by --compress.
  DurationSource interval(const Node& node, const NameScope& scope, std::string_view what, bool is_gap = false);
  std::map<std::string, std::string> tags(const Node& node);

  // ---- names (decode_names.cpp, decode_locals.cpp)
  /// user, env, now …: words that begin names of the language.
  static bool is_root(std::string_view name);
  Result<Reference> resolve(std::string_view name, const NameScope& scope, std::string& hint);
  std::uint32_t add_state(std::string_view id);
  std::optional<std::string> environment(const std::string& name) const;
  const std::string& folder() const { return folder_; }

 private:
  friend class MapReader;

  // ---- sections
  void decode_vars(const Node* node);
  void decode_targets(const Node* node);
  void decode_target(const Node& key, const Node& node);
  void check_host_option();
  void decode_plugins(const Node* node);
  ValueMap decode_options(const Node& node, const std::vector<ParamInfo>& infos, const std::string& where,
                          const NameScope& scope, bool is_plugin);
  void decode_data(const Node* node);
  void decode_dataset(const Node& key, const Node& node);
  Dataset read_dataset(const Node& key, const MapReader& map, Pick pick);
  Dataset::Where decode_where(const Node* filter);
  OnEnd decode_on_end(const Node* on_end, Pick pick);
  void decode_payloads(const Node* node);
  std::uint32_t decode_payload(const std::string& name, const Node& node, const NameScope& scope);
  /// Every `file` and `template` of a payload or a distribution; false after a mistake.
  bool check_files(const Node& node);
  void decode_run(const Node* node);
  void decode_outputs(const Node* node);
  void decode_thresholds(const Node* node);
  ThresholdNames threshold_names(bool is_whole) const;

  void decode_tasks(const Node* node);
  void decode_task(const Node& node, Task& task);
  Node steps_of_task(const Node& task);

  // ---- steps
  Steps decode_steps(const Node& list, const StepPlace& place);
  std::optional<Step> decode_step(const Node& node, const StepPlace& place);
  void decode_control(const Node& step, const Node& key, const Node& value, const StepPlace& place, Step& out);
  void decode_acquire(const Node& key, const Node& value, const StepPlace& place, bool keep_user, Step& out);
  void decode_take(const Node& key, const Node& value, const StepPlace& place, bool keep_user, Step& out);
  /// Columns and the values wanted in them.
  std::vector<std::pair<std::uint32_t, Template>> decode_where(const Node& where, const Dataset& data, const StepPlace& place);
  void check_that_some_fit(const Node& where, const Dataset& data, const std::vector<std::pair<std::uint32_t, Template>>& wanted);
  void decode_barrier(const Node& key, const Node& value, Step& out);
  /// Who has to come to the barriers that want all.
  void count_barriers();
  void add_compiled_tasks(Node& tasks, const Node& populations);
  void decode_compiled(const Node& key, const Node& value, const StepPlace& place, Step& out);
  void hand_names_to_compiled();
  void decode_metric(const Node& key, const Node& value, const StepPlace& place, Step& out);
  void decode_until(const Node& step, const Node& key, const Node& value, const StepPlace& place, Step& out);
  Steps inner_steps(const Node& step, const Node& key, const StepPlace& place);
  OperationStep decode_operation(const Node& step, const Node& key, const Node& value, const StepPlace& place);
  void decode_address(const Node& key, const Node* to, const std::string& protocol, const StepPlace& place,
                      OperationStep& out, std::string& path_of_url);
  std::optional<ParamValue> decode_param(const Node& key, const Node& node, std::uint32_t index, const ParamInfo& info,
                                         const StepPlace& place);
  ParamValue decode_child(const Node& node, const NameScope& scope);
  bool check_choice(const Node& node, const ParamInfo& info);
  std::optional<Value> typed(const Node& scalar, const ParamInfo& info);
  std::vector<Check> decode_checks(const Node& map, const OperationInfo& info, const StepPlace& place,
                                   std::string_view word);
  Matcher decode_matcher(const Node& node, const NameScope& scope, UnitKind unit, bool is_numeric, std::string_view what);
  void decode_matcher_map(const Node& map, const NameScope& scope, UnitKind unit, bool is_numeric,
                          std::span<const Key> also, Matcher& out);
  std::vector<Capture> decode_captures(const Node& map, const OperationInfo& info, const StepPlace& place, bool keep);
  std::uint32_t find_output(const Node& at, std::string_view name, const OperationInfo& info, std::string& key);

  // ---- populations
  void decode_populations(const Node* node);
  void decode_population(const Node& node, PopulationSpec& population, const Node& key);
  void decode_shares(const Node* node, PopulationSpec& population, const Node& key);
  void decode_load(const Node& node, PopulationSpec& population);
  void decode_every(const Node& node, PopulationSpec& population);
  void decode_jitter(const Node& node, Load& load);
  void decode_trace(const Node& trace, const Node* time, const Node* speed, Load& load);
  /// on_start and on_stop have no arrival whose record they could read.
  void check_traces();
  void decode_stages(const Node& node, Load& load);
  Budget decode_budget(const Node& node);
  /// The tasks and populations that `probes` stands for; the scenario's own are before them.
  void add_probes(const Node* probes, Node& tasks, Node& populations);
  /// A value that a name of `for_each` has for one of the copies; no name: it is none.
  struct Each {
    std::string name;
    Node value;
    std::string of;              // the key as it is written
    std::uint32_t dataset = kNone, row = 0;
  };
  struct ListOfEach { Node list; std::uint32_t dataset; };
  /// While it lives, the name is a var.
  class Bound {
   public:
    Bound(Decoder& decoder, const Each& each);
    ~Bound();
    Bound(const Bound&) = delete;
    Bound& operator=(const Bound&) = delete;

   private:
    Decoder& decoder_;
    std::string name_;
  };
  /// Writes out what `for_each` stands for, in place; what each of the entries is bound to.
  std::vector<Each> expand_for_each(Node& map, std::string_view kind);
  std::optional<std::pair<std::string, Node>> list_of_each(const Node& wish);
  void add_loop(const std::string& name, const Node& list);
  void check_for_each();
  const Each& each_of(std::size_t population) const {
    static const Each none;
    return population < population_each_.size() ? population_each_[population] : none;
  }
  /// The same for `setup` and `teardown`.
  void add_setup(const Node& root, Node& tasks, Node& populations);
  void collect_setup_names();
  Result<Reference> resolve_setup(const std::string& name, const NameScope& scope, std::string& hint) const;
  void move_setup();
  std::size_t tasks_of_load() const;
  void decode_profiles(const Node* profiles, const Node* chosen);

  // ---- names
  /// Which names a task or a list of on_start steps makes: found before any step is decoded.
  struct Made {
    std::map<std::string, std::pair<Node, std::uint32_t>> names;  // place, dataset (kNone: a plain value)
    std::set<std::string> kept;                                   // those that live with the user
    std::set<std::string> does;                                   // tasks that are done as steps
    std::set<std::uint32_t> reads;                                // datasets, once its steps are decoded
  };
  void collect_made(const Node& steps, Made& made);
  void collect_names();
  void add_locals(const Made& made, bool only_kept, Locals& out);
  std::uint32_t slot_of(const std::string& name, std::uint32_t dataset);
  std::set<std::string> reached_from(const std::set<std::string>& tasks) const;
  std::set<std::uint32_t> datasets_read_by(std::size_t population) const;

  // ---- lookups
  std::uint32_t protocol_index(const std::string& name, Mark mark);
  std::uint32_t find_dataset(const Node& name);
  /// Of those that the scenario itself names.
  std::uint32_t find_task(const Node& name);
  std::size_t own_tasks() const { return scenario_.tasks.size() - made_roles_.size(); }
  std::vector<std::string> names_of_targets() const;
  std::vector<std::string> names_of_datasets() const;
  std::vector<std::string> names_of_payloads() const;
  std::vector<std::string> names_of_tasks() const;

  // ---- after all sections
  void check_circles();
  void add_folder_options();
  void apply_options();
  bool keep_only();
  void scale();
  void warn_about_records();

  std::vector<std::string> files_;
  std::string folder_;
  const OperationCatalog& catalog_;
  const LoadOptions& options_;
  Diagnostics& diagnostics_;
  Scenario scenario_;

  bool has_bad_targets_ = false;                     // then steps are not blamed for missing ones
  std::map<std::string, Node, std::less<>> vars_;
  std::vector<std::string> used_vars_;               // being folded now: a circle is a mistake
  std::vector<std::string> only_;                    // populations or tasks that --only or the profile leaves; empty: all
  std::set<std::string> kept_tasks_;                 // and what is done by them
  Node tasks_node_, populations_node_;
  std::vector<Each> population_each_;                // by population; those that other keys stand for have none
  std::map<std::string, ListOfEach, std::less<>> loops_;   // by the names of `for_each`
  std::vector<Made> made_by_task_, made_by_population_;
  Made* reader_ = nullptr;                           // whose steps are being decoded
  std::vector<Locals> task_locals_, population_locals_;
  std::set<std::string> probes_;                     // names of the metrics that they read
  std::vector<PopulationSpec::Role> made_roles_;     // of the last tasks and populations: those that other keys stand for
  std::uint32_t setup_task_ = kNone;
  std::map<std::string, std::uint32_t> setup_names_;   // slot by name
  Locals all_locals_;                                // of every task: what payloads see
  std::map<std::pair<std::string, std::uint32_t>, std::uint32_t> slots_;
  std::vector<std::pair<std::uint32_t, Node>> after_;  // population, where its `after` stands
  bool has_compiled_ = false;                        // a step of a plugin's tasks
  std::set<std::uint32_t> said_to_wrap_;             // datasets with `on_end: wrap` written down
  std::map<std::string, std::uint32_t, std::less<>> state_ids_;  // one walk that two templates share
  std::uint32_t locals_ = 0, states_ = 0;
  std::size_t expansions_ = 0, values_read_ = 0;     // work that vars ask for; limited
};

/// A map's keys against its table: unknown ones are reported once, at construction.
class MapReader {
 public:
  /// `where`: "in task 'login'". `also`: keys that are known beside the table's.
  MapReader(Decoder& decoder, const Node& map, std::span<const Key> keys, std::string where,
            const std::vector<std::string>& also = {});

  const Node* operator[](std::string_view key) const { return map_.is_map() ? map_.find(key) : nullptr; }

 private:
  const Node& map_;
};

/// The decoder's answers for one place, as templates ask for them.
class BoundNames : public Names {
 public:
  BoundNames(Decoder& decoder, const NameScope& scope) : decoder_(decoder), scope_(scope) {}
  Result<Reference> resolve(std::string_view name) override { return decoder_.resolve(name, scope_, hint); }
  std::uint32_t add_state(std::string_view id) override { return decoder_.add_state(id); }
  std::string hint;  // of the last name that was not found

 private:
  Decoder& decoder_;
  const NameScope& scope_;
};

/// `name` in quotes, for messages.
inline std::string in_quotes(std::string_view name) {
  std::string text = "'";
  return text.append(name).append("'");
}

}  // namespace squall
