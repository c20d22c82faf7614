// What the shards of one process share of the data, over setup, load and teardown: everything else of a run belongs to
// one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/barrier.hpp"
#include "engine/record_store.hpp"
#include "scenario/scenario.hpp"

namespace squall {

struct SharedData {
  explicit SharedData(const Scenario& scenario)
      : positions(scenario.datasets.size()), records(scenario.datasets.size()), setup(scenario.setup_locals.size()) {
    for (const BarrierSpec& barrier : scenario.barriers) barriers.push_back(std::make_unique<Barrier>(barrier.users));
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (scenario.datasets[i]->pick == Pick::exclusive) records[i] = std::make_unique<RecordStore>(*scenario.datasets[i]);
    }
  }
  std::vector<RecordTotals> record_totals() const {
    std::vector<RecordTotals> all;
    for (const auto& store : records) {
      if (store) all.push_back(store->totals());
    }
    return all;
  }

  // By dataset.
  std::vector<std::atomic<std::uint64_t>> positions;    // in the one line of a sequential dataset
  std::vector<std::unique_ptr<RecordStore>> records;    // of an exclusive one, else null
  std::vector<std::unique_ptr<Barrier>> barriers;       // by barrier
  /// What setup kept, by its slot. Written in its own run, by its only user; read in those after it.
  std::vector<Value> setup;
};

}  // namespace squall
