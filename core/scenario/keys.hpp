// Every key of every map in a scenario: its name, what may stand there, what it means. One row a key, read
// by the decoder (unknown keys, hints) and by whoever prints the language (`squall schema`, the reference).
// Operations and their parameters are not here: plugins describe those themselves.
#pragma once

#include <span>
#include <string_view>

namespace squall {

struct Key {
  std::string_view name;
  std::string_view type;   // "duration", "text", "list of steps" …
  std::string_view doc;
  bool is_later = false;   // of the language, refused as "not supported yet"
};

struct KeyTable {
  std::string_view name;   // "scenario", "population" …
  std::span<const Key> keys;
};

extern const std::span<const Key> kScenarioKeys, kTargetKeys, kTlsKeys, kDatasetKeys, kPluginKeys, kTaskKeys,
    kPopulationKeys, kLoadKeys, kStageKeys, kBudgetKeys, kRunKeys, kValidKeys,
    kStepKeys,       // what may stand beside a step's operation or control word
    kControlKeys,    // the control words
    kCallKeys,       // what belongs to every operation
    kUntilKeys, kRepeatKeys, kGroupKeys, kBranchKeys, kAcquireKeys, kTakeKeys, kBarrierKeys, kMetricKeys, kProbeKeys, kMatcherKeys,
    kCaptureKeys;

/// All of them, for the reference.
std::span<const KeyTable> key_tables();

}  // namespace squall
