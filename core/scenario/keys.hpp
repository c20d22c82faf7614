// Every key of every map in a scenario: its name, what may stand there, what it means. One row a key, read
// by the decoder (unknown keys, hints) and by whoever prints the language (`squall schema`, the reference).
// A key of type "map", or "… or map", holds the map whose table has the name of the key, or of both: run.valid.
// Operations and their parameters are not here: plugins describe those themselves.
#pragma once

#include "key.hpp"

namespace squall {

extern const std::span<const Key> kScenarioKeys, kTargetKeys, kTlsKeys, kDatasetKeys, kPluginKeys, kTaskKeys,
    kPopulationKeys, kLoadKeys, kStageKeys, kBudgetKeys, kRunKeys, kValidKeys,
    kStepKeys,       // what may stand beside a step's operation or control word
    kControlKeys,    // the control words
    kCallKeys,       // what belongs to every operation
    kUntilKeys, kIfKeys, kRepeatKeys, kGroupKeys, kBranchKeys, kAcquireKeys, kTakeKeys, kBarrierKeys, kMetricKeys, kProbeKeys,
    kMatcherKeys,
    kCaptureKeys;

/// All of them, and those of payloads and distributions, for the reference and the schema.
std::span<const KeyTable> key_tables();

}  // namespace squall
