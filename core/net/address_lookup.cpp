#include "net/address_lookup.hpp"

#include <memory>
#include <string>

#include "net/shard_parts.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {

AddressLookup::AddressLookup(ShardNet::Parts& parts, const Target& target, Answer answer, void* context)
    : parts_(parts), target_(target), answer_(answer), context_(context), plugin_(PluginTurn::now().plugin) {
  later_.lookup = waiter_.lookup = this;
  later_.run = [](Deferred& node) noexcept { static_cast<Later&>(node).lookup->deliver(); };
  waiter_.answered = [](AddressWaiter& waiter, const Failure& failure) noexcept {
    static_cast<Waiter&>(waiter).lookup->answer_later(failure.status);
  };
  next_ = parts_.lookups;
  if (next_) next_->previous_ = this;
  parts_.lookups = this;
}

AddressLookup::~AddressLookup() {
  (previous_ ? previous_->next_ : parts_.lookups) = next_;
  if (next_) next_->previous_ = previous_;
}

void AddressLookup::start(ShardNet::Parts& parts, const Target& target, Answer answer, void* context) {
  auto* lookup = new AddressLookup(parts, target, answer, context);
  if (parts.addresses.known(target)) lookup->answer_later(SQ_OK);
  else if (!parts.resolver) lookup->answer_later(SQ_E_IO);
  else parts.addresses.wait(target, lookup->waiter_);
}

void AddressLookup::answer_later(sq_status status) {
  if (later_.queued) return;
  parts_.addresses.cancel(waiter_);
  status_ = status;
  parts_.environment.defer(later_);
}

void AddressLookup::deliver() {
  const std::unique_ptr<AddressLookup, void (*)(AddressLookup*)> self(this, [](AddressLookup* l) { delete l; });
  const PluginTurn turn(plugin_, "the answer of resolve");
  const auto* addresses = parts_.addresses.known(target_);
  if (status_ != SQ_OK || !addresses) return answer_(context_, status_ != SQ_OK ? status_ : SQ_E_IO, {});
  std::string text;
  for (const Address& address : *addresses) {
    if (!text.empty()) text += ' ';
    text += address.ip_text();
  }
  answer_(context_, SQ_OK, {text.data(), text.size()});
}

}  // namespace squall
