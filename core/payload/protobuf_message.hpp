// Protobuf by field numbers, without a .proto: `protobuf: {1: "${seq}", 2: {sint: -3}, 3: {1:
// nested}}`. The wire type follows from the value (whole: varint, real: double, text: bytes) unless
// it is named. Private to this room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "payload/generator.hpp"

namespace squall {

struct ProtobufField {
  enum class Type : std::uint8_t {
    by_value,
    int_,
    sint,
    bool_,
    fixed32,
    fixed64,
    float_,
    double_,
    text,
    hex,
    message,
  } type = Type::by_value;
  std::uint32_t number = 0;
  std::unique_ptr<Generator> value;
  std::vector<ProtobufField> message;
  std::unique_ptr<Generator> count;  // of `each`; null: once
};

Result<std::vector<ProtobufField>> make_protobuf(const Value& description, Names& names,
                                                 const std::string& folder);

bool append_protobuf(const std::vector<ProtobufField>& fields, Scope& scope, std::string& out,
                     std::string& error);

}  // namespace squall
