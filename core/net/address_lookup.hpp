// One question of a plugin for the address of a target (sq_target_api::resolve): answered once, from
// the loop, with a literal.  Deletes itself after its answer.
#pragma once

#include "net/address_book.hpp"
#include "net/environment.hpp"
#include "net/handles.hpp"
#include "net/shard_net.hpp"

namespace squall {

struct Plugin;

class AddressLookup {
 public:
  using Answer = void (*)(void* context, sq_status, sq_str text) noexcept;
  static void start(ShardNet::Parts& parts, const Target& target, Answer answer, void* context);

 private:
  friend struct ShardNet::Parts;
  AddressLookup(ShardNet::Parts& parts, const Target& target, Answer answer, void* context);
  ~AddressLookup();
  void answer_later(sq_status status);
  void deliver();

  struct Later : Deferred { AddressLookup* lookup; } later_;
  struct Waiter : AddressWaiter { AddressLookup* lookup; } waiter_;
  ShardNet::Parts& parts_;
  const Target& target_;
  const Answer answer_;
  void* const context_;
  const Plugin* const plugin_;          // who asks
  sq_status status_ = SQ_OK;
  AddressLookup* previous_ = nullptr;   // in the shard's list
  AddressLookup* next_ = nullptr;
};

}  // namespace squall
