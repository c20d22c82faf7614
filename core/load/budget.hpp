// stop_after: exactly N tokens (iterations, requests or bytes) over any number of holders.  The
// pool grants blocks, a lease hands them out one by one on its shard; both only exchange states
// made of running totals, so a lost, repeated or overtaken message changes nothing.  No transport
// here.
#pragma once

#include <cstdint>
#include <vector>

namespace squall {

/// What a lease tells the pool: totals since the begin.  The one with the highest number counts.
struct BudgetState {
  std::uint32_t holder = 0;
  std::uint64_t number = 0;
  std::uint64_t seen = 0;      // granted as far as the holder knows
  std::uint64_t returned = 0;  // of these handed back unused
  std::uint64_t consumed = 0;  // of these used up
  std::uint64_t need = 0;      // more than is in hand: the largest take that waits; 0: none waits
  bool prefetch = false;       // nobody waits, but the stock runs low
};

/// What the pool tells a lease.
struct BudgetGrant {
  std::uint32_t holder = 0;
  std::uint64_t number = 0;   // highest wins
  std::uint64_t granted = 0;  // total since the begin
  bool recall = false;        // somebody else starves: give back what can be spared
  bool last = false;          // nothing will ever be granted beyond `granted`
};

struct BudgetOptions {
  std::uint64_t total = 0;
  std::uint32_t holders = 1;             // how many share it
  std::uint64_t largest_block = 10'000;  // a block is clamp(left / (4 * holders), 1, largest)
};

/// The controller's side.
class BudgetPool {
 public:
  explicit BudgetPool(BudgetOptions options);

  /// Takes a holder's state in and returns what is to be sent: an answer to that holder, and
  /// whatever the state made possible or necessary for others (grants to those that waited,
  /// recalls). Repeating a state repeats the answer.  Empty when the state is older than a known
  /// one.
  std::vector<BudgetGrant> apply(const BudgetState& state);

  /// The answer for a holder as things stand, for a transport that repeats itself.
  BudgetGrant answer(std::uint32_t holder) const;

  /// A holder died.  Tokens whose use it did not report stay spent (at most N, the default) or are
  /// granted again (at least N).  Returns what is to be sent.
  enum class OnLoss : std::uint8_t { at_most, at_least };
  std::vector<BudgetGrant> lose(std::uint32_t holder, OnLoss policy = OnLoss::at_most);

  std::uint64_t total() const { return options_.total; }
  std::uint64_t left() const { return left_; }                // not granted to anybody
  std::uint64_t consumed() const;                             // as reported
  std::uint64_t unaccounted() const { return unaccounted_; }  // in the hands of the dead
  bool over() const;  // every token is used up (or unaccounted)

 private:
  struct Holder {
    BudgetState state;
    std::uint64_t granted = 0;
    std::uint64_t answers = 0;        // number of the newest grant message
    std::uint64_t waiting_since = 0;  // order among the starving; 0: not starving
    bool lost = false;
    bool recall = false;
    bool last = false;
    bool changed = false;  // has something new to be told
    std::uint64_t in_hand() const { return granted - state.returned - state.consumed; }
    bool starves() const { return !lost && state.need > in_hand(); }
  };
  std::vector<BudgetGrant> serve();
  void grant(Holder& holder, std::uint64_t amount);
  Holder* first_starving();
  std::uint64_t block() const;

  BudgetOptions options_;
  std::vector<Holder> holders_;
  std::uint64_t left_ = 0;
  std::uint64_t unaccounted_ = 0;
  std::uint64_t queue_number_ = 0;
};

/// A shard's side: touched by its thread alone.
class BudgetLease {
 public:
  explicit BudgetLease(std::uint32_t holder) : holder_(holder) {}

  enum class Answer : std::uint8_t {
    taken,    // `amount` tokens are yours
    waiting,  // too few here: ask again after the next accept(); the lease wants more
    over,     // none left anywhere, for good
  };
  struct Take {
    Answer answer = Answer::waiting;
    std::uint64_t amount = 0;  // as asked; less only for the very last take of all (bytes)
  };
  /// Takes `amount` (> 0) tokens or, at the very end of the budget, what is left of them.
  Take take(std::uint64_t amount = 1);
  /// Hands back tokens that were taken but not used (the operation never began).
  void give_back(std::uint64_t amount);
  /// Nobody waits here any longer (users ended): what is in stock may go to others.
  void stop_wanting();

  /// True when a state should be sent now: somebody waits, the stock is at or below a quarter of
  /// the last block, a recall can be obeyed, or the stock is used up and the pool does not know.
  /// Send `state()` then; sending it at other times, or again, is harmless (and heals a lost
  /// message).
  bool wants_to_send() const;
  BudgetState state();
  /// A grant came in.  True when takers that wait should try again.
  bool accept(const BudgetGrant& grant);

  std::uint64_t in_hand() const { return granted_ - returned_ - consumed_; }
  std::uint64_t consumed() const { return consumed_; }
  bool over() const { return last_ && in_hand() == 0; }

 private:
  std::uint32_t holder_;
  std::uint64_t number_ = 0;
  std::uint64_t granted_ = 0;
  std::uint64_t returned_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t last_block_ = 0;
  std::uint64_t need_ = 0;      // largest amount that waits and cannot be served
  std::uint64_t reserved_ = 0;  // came for somebody who has not taken it yet: no recall gets it
  std::uint64_t answer_number_ = 0;
  bool asked_ = false;  // for what is missing now; the answer is on its way
  bool dry_ = false;    // the last answer brought nothing: no use in asking for stock
  bool recall_ = false;
  bool last_ = false;
  bool unwanted_ = false;    // nobody here will take again
  bool unreported_ = false;  // use or return that no state has told yet
  std::uint64_t spare() const;
};

}  // namespace squall
