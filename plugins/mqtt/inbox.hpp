// Messages that arrived before anybody expected them: an answer may well overtake the step that
// waits for it. Bounded; the oldest go first. Kept only where the scenario has an mqtt.expect.
#pragma once
#include <deque>
#include <memory>

#include "exchange.hpp"

namespace squall::mqtt {

class Inbox {
 public:
  static constexpr size_t kMessagesMax = 256;
  static constexpr size_t kBytesMax = 1 << 20;

  void put(std::unique_ptr<Message> message) {
    bytes_ += size_of(*message);
    messages_.push_back(std::move(message));
    while (messages_.size() > kMessagesMax || (bytes_ > kBytesMax && messages_.size() > 1))
      take(messages_.begin());
  }
  /// The oldest message that `matches`, or nullptr.
  template <class Predicate>
  std::unique_ptr<Message> take_first(Predicate matches) {
    for (auto at = messages_.begin(); at != messages_.end(); ++at)
      if (matches(**at)) return take(at);
    return nullptr;
  }
  template <class Predicate>
  bool any(Predicate matches) const {
    for (const auto& message : messages_)
      if (matches(*message)) return true;
    return false;
  }
  bool empty() const { return messages_.empty(); }

 private:
  using Messages = std::deque<std::unique_ptr<Message>>;
  static size_t size_of(const Message& message) {
    return sizeof(Message) + message.topic.size() + message.payload.size();
  }
  std::unique_ptr<Message> take(Messages::iterator at) {
    std::unique_ptr<Message> message = std::move(*at);
    messages_.erase(at);
    bytes_ -= size_of(*message);
    return message;
  }
  Messages messages_;
  size_t bytes_ = 0;
};

}  // namespace squall::mqtt
