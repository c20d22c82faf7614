// The addresses of all targets as one shard knows them.  A literal is known from the start, a name
// after its first lookup; a failed connection makes the next user ask again.  Touched by the
// shard's thread alone, so that connecting takes no lock.
#pragma once

#include <memory>
#include <vector>

#include "net/environment.hpp"
#include "net/failure.hpp"
#include "net/target.hpp"

namespace squall {

class Resolver;
struct Resolution;

/// Somebody who waits for the addresses of a target; embedded in its owner.
struct AddressWaiter {
  /// From the loop.  A failure of kind SQ_K_NONE means success: ask known() again.
  void (*answered)(AddressWaiter&, const Failure&) noexcept = nullptr;
  AddressWaiter* previous = nullptr;
  AddressWaiter* next = nullptr;      // both null and `target` null: not waiting
  const Target* target = nullptr;
};

class AddressBook {
 public:
  AddressBook(Environment&, const TargetTable&, Resolver*);

  /// With the target's port, in the order to try; null: wait() for them.
  const std::vector<Address>* known(const Target& target);
  /// The same, also when another connection has found meanwhile that they do not work.
  const std::vector<Address>& current(const Target& target) const { return entries_[target.index()].addresses; }
  void wait(const Target& target, AddressWaiter& waiter);
  void cancel(AddressWaiter& waiter);
  /// This one connected when those before it did not: it is the first to be tried from now on.
  void prefer(const Target& target, const Address& address);
  /// None of them could be connected to: look the name up again at its next use.
  void distrust(const Target& target);

 private:
  struct Entry {
    std::vector<Address> addresses;
    bool is_resolving = false;
    bool is_distrusted = false;
    AddressWaiter* waiting = nullptr;
  };
  void answer(const Target& target, const Resolution& resolution);
  Failure adopt(const Target& target, const Resolution& resolution);

  Environment& environment_;
  const TargetTable& targets_;
  Resolver* const resolver_;
  std::vector<Entry> entries_;        // by target index
  std::shared_ptr<AddressBook*> self_;  // answers that come after the shard's end find it gone
};

}  // namespace squall
