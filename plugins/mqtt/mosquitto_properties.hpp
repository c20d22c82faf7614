// MQTT 5 properties of one publish in libmosquitto's form, and the size of what it hands back. The
// list is freed by this object; the library copies what it sends.
#pragma once
#include <mosquitto.h>
#include <squall/abi.h>

#include <cstdint>
#include <span>

namespace squall::mqtt {

class MosquittoProperties {
 public:
  explicit MosquittoProperties(std::span<const sq_pair> given);
  ~MosquittoProperties() { mosquitto_property_free_all(&list_); }
  MosquittoProperties(const MosquittoProperties&) = delete;
  MosquittoProperties& operator=(const MosquittoProperties&) = delete;

  const mosquitto_property* list() const { return list_; }
  bool is_valid() const { return is_valid_; }

 private:
  mosquitto_property* list_ = nullptr;
  bool is_valid_ = true;
};

/// Bytes of all properties in the list, without the length in front.
uint64_t property_bytes(const mosquitto_property* list);

}  // namespace squall::mqtt
