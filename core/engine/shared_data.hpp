// What the shards of one process share of the data: everything else of a run belongs to one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/record_store.hpp"
#include "scenario/scenario.hpp"

namespace squall {

struct SharedData {
  explicit SharedData(const Scenario& scenario) : positions(scenario.datasets.size()), records(scenario.datasets.size()) {
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
};

}  // namespace squall
