// A compiled payload's inside: its fields in order, then what its body is made of. Private to this
// room. Everything is immutable; what changes while a message is made lives in the Body and the
// Scope.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "payload/arena.hpp"
#include "payload/compression.hpp"
#include "payload/generator.hpp"
#include "payload/open_file.hpp"
#include "payload/packed_bytes.hpp"
#include "payload/payload.hpp"
#include "payload/protobuf_message.hpp"

namespace squall {

/// Slots of a payload's own names begin here; below are the user's.
inline constexpr std::uint32_t kFieldSlots = 0x80000000u;
inline constexpr std::uint32_t kNoState = 0xFFFFFFFFu;

// What a body is made of.

struct TextContent {
  Template text;
  enum class Format : std::uint8_t { as_is, cbor, msgpack } format = Format::as_is;
};
struct PackedContent {
  std::vector<PackedItem> items;
};
struct ProtobufContent {
  std::vector<ProtobufField> fields;
};
struct BlobContent {
  std::string magic;  // the first bytes, part of the size
  Distribution size;
  std::shared_ptr<const Arena> arena;
};
struct FileContent {
  std::vector<std::shared_ptr<const OpenFile>> files;
  std::optional<Distribution> chunk;  // not given: whole files
  bool is_random = false;             // which file, which chunk; else one after the other, per user
  std::uint32_t state = kNoState;
};
struct MultipartContent {
  struct Part {
    std::string head;  // boundary and headers
    PayloadSpec payload;
  };
  std::vector<Part> parts;
  std::string tail;
};

struct PayloadPlan {
  struct Each;
  /// One name of the payload: a generator, or an item repeated.
  struct Field {
    std::string name;
    std::uint32_t slot = 0;
    std::unique_ptr<Generator> generator;
    std::unique_ptr<Each> each;
  };
  struct Each {
    Distribution count;
    std::uint32_t index_slot = 0;  // ${index}, from 0
    std::vector<Field> fields;     // anew for each item
    Template item;
    std::string separator;
  };
  std::vector<Field> fields;
  std::uint32_t field_count = 0;  // with the nested ones and the filler

  struct Pad {
    std::uint32_t slot = 0;
    std::uint64_t to = 0;
    char with = 'x';
  };
  std::optional<Pad> pad;

  std::variant<TextContent, PackedContent, ProtobufContent, BlobContent, FileContent,
               MultipartContent>
      content;

  Coding coding = Coding::none;
  std::optional<std::string>
      constant;  // the body when it never changes and is small: encoded already
  bool is_constant = false;
  std::uint64_t fixed_size = std::numeric_limits<std::uint64_t>::max();
};

/// After reading: what is the same in every message is found out, and small constant bodies are
/// made. A mistake that every message would make, or "".
std::string settle_plan(PayloadPlan& plan);

/// Appends the message to `body` behind what it holds.
bool append_payload(const PayloadPlan& plan, Scope& scope, Body& body, std::string& error);

}  // namespace squall
