#include "net/address_book.hpp"

#include <algorithm>

#include "net/resolver.hpp"

namespace squall {
namespace {

/// The order of the resolver, but IPv6 and IPv4 in turn as long as there are both: when one of them leads
/// nowhere, the other is the next to be tried.
void alternate_families(std::vector<Address>& addresses) {
  for (auto place = addresses.begin(); place != addresses.end() && place + 1 != addresses.end(); ++place) {
    const auto other = std::find_if(place + 1, addresses.end(),
                                    [&](const Address& one) { return one.family() != place->family(); });
    if (other == addresses.end()) return;
    std::rotate(place + 1, other, other + 1);
  }
}

}  // namespace

AddressBook::AddressBook(Environment& environment, const TargetTable& targets, Resolver* resolver)
    : environment_(environment),
      targets_(targets),
      resolver_(resolver),
      entries_(targets.size()),
      self_(std::make_shared<AddressBook*>(this)) {
  for (std::uint32_t i = 0; i < targets.size(); ++i)
    if (const auto& literal = targets.at(i).literal()) entries_[i].addresses.push_back(*literal);
}

const std::vector<Address>* AddressBook::known(const Target& target) {
  Entry& entry = entries_[target.index()];
  if (entry.addresses.empty() && !entry.is_distrusted && resolver_) {
    Resolution resolution;   // another shard, or the control thread before the run, has asked
    if (resolver_->cached(target.url().host, resolution)) adopt(target, resolution);
  }
  return entry.addresses.empty() || entry.is_distrusted ? nullptr : &entry.addresses;
}

void AddressBook::wait(const Target& target, AddressWaiter& waiter) {
  Entry& entry = entries_[target.index()];
  waiter.target = &target;
  waiter.previous = nullptr;
  waiter.next = entry.waiting;
  if (entry.waiting) entry.waiting->previous = &waiter;
  entry.waiting = &waiter;
  if (entry.is_resolving) return;
  entry.is_resolving = true;
  resolver_->resolve(target.url().host, entry.is_distrusted, environment_,
                     [weak = std::weak_ptr(self_), &target](const Resolution& resolution) {
                       if (const auto self = weak.lock()) (*self)->answer(target, resolution);
                     });
}

void AddressBook::cancel(AddressWaiter& waiter) {
  if (!waiter.target) return;
  Entry& entry = entries_[waiter.target->index()];
  (waiter.previous ? waiter.previous->next : entry.waiting) = waiter.next;
  if (waiter.next) waiter.next->previous = waiter.previous;
  waiter.previous = waiter.next = nullptr;
  waiter.target = nullptr;
}

void AddressBook::prefer(const Target& target, const Address& address) {
  auto& addresses = entries_[target.index()].addresses;
  const auto found = std::ranges::find_if(addresses, [&](const Address& one) { return one.same_ip(address); });
  if (found != addresses.end()) std::rotate(addresses.begin(), found, found + 1);
}

void AddressBook::distrust(const Target& target) {
  if (!target.literal()) entries_[target.index()].is_distrusted = true;
}

Failure AddressBook::adopt(const Target& target, const Resolution& resolution) {
  Entry& entry = entries_[target.index()];
  if (resolution.addresses.empty()) return {SQ_E_IO, SQ_K_RESOLVE, resolution.detail};
  targets_.allow(target, resolution.addresses);
  entry.addresses.clear();
  for (const Address& address : resolution.addresses)
    if (!address.is_forbidden()) entry.addresses.push_back(address.with_port(target.url().port));
  alternate_families(entry.addresses);
  if (entry.addresses.empty()) return {SQ_E_IO, SQ_K_OFF_LIST, "resolves to a forbidden address"};
  entry.is_distrusted = false;
  return {};
}

void AddressBook::answer(const Target& target, const Resolution& resolution) {
  Entry& entry = entries_[target.index()];
  entry.is_resolving = false;
  const Failure failure = adopt(target, resolution);
  // From the head, since whoever is answered may cancel others; whoever waits anew starts another
  // lookup and is told by that one.
  while (!entry.is_resolving && entry.waiting) {
    AddressWaiter& waiter = *entry.waiting;
    cancel(waiter);
    waiter.answered(waiter, failure);
  }
}

}  // namespace squall
