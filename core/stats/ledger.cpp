#include "stats/ledger.hpp"

#include <initializer_list>
#include <string_view>

namespace squall {
namespace {

struct Term {
  std::string_view name;
  std::uint64_t value;
};

void check(std::vector<std::string>& open, std::string_view what, Term whole,
           std::initializer_list<Term> parts) {
  std::uint64_t sum = 0;
  std::string text = std::string(what) + ": " + std::string(whole.name) + " " +
                     std::to_string(whole.value) + ", but ";
  for (const Term& part : parts) {
    if (&part != parts.begin()) text += " + ";
    text += std::string(part.name) + " " + std::to_string(part.value);
    sum += part.value;
  }
  if (sum == whole.value) return;
  text += " = " + std::to_string(sum);
  text += sum < whole.value ? " (" + std::to_string(whole.value - sum) + " missing)"
                            : " (" + std::to_string(sum - whole.value) + " too many)";
  open.push_back(std::move(text));
}

}  // namespace

std::vector<std::string> Ledger::open_equations() const {
  std::vector<std::string> open;
  const IterationLedger& i = iterations;
  check(open, "iterations", {"planned", i.planned},
        {{"started", i.started},
         {"dropped", i.dropped},
         {"waiting", i.waiting},
         {"not due", i.not_due}});
  check(open, "iterations", {"started", i.started},
        {{"completed", i.completed}, {"interrupted", i.interrupted}, {"cut", i.cut}});
  check(open, "samples", {"begun", samples.begun},
        {{"ok", samples.ok}, {"failed", samples.failed}, {"cut", samples.cut}});
  check(open, "groups", {"begun", groups.begun},
        {{"ok", groups.ok}, {"failed", groups.failed}, {"cut", groups.cut}});
  return open;
}

}  // namespace squall
