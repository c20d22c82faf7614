// What is the same in every message: found out once at load time, so that rendering a constant body
// is handing out a pointer.
#include <algorithm>
#include <cmath>

#include "payload/payload_plan.hpp"

namespace squall {
namespace {

// Up to here a body that never changes is kept as bytes; above it stays a range of its file or
// arena.
constexpr std::uint64_t kKeptSize = 1 << 20;

// A constant body asks for nothing.
class Nobody final : public Scope {
 public:
  std::int64_t unix_ns() const override { return 0; }
  const Value* local(std::uint32_t) const override { return nullptr; }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t) override {
    return std::nullopt;
  }
  Value& state(std::uint32_t) override { return state_; }

 private:
  Value state_;
};

bool are_constant(const std::vector<PackedItem>& items) {
  return std::all_of(items.begin(), items.end(), [](const PackedItem& item) {
    return item.kind != PackedItem::Kind::random && (!item.value || item.value->is_constant()) &&
           are_constant(item.items);
  });
}

bool are_constant(const std::vector<ProtobufField>& fields) {
  return std::all_of(fields.begin(), fields.end(), [](const ProtobufField& field) {
    return (!field.value || field.value->is_constant()) &&
           (!field.count || field.count->is_constant()) && are_constant(field.message);
  });
}

struct IsConstant {
  bool operator()(const TextContent& content) const { return content.text.is_constant(); }
  bool operator()(const PackedContent& content) const { return are_constant(content.items); }
  bool operator()(const ProtobufContent& content) const { return are_constant(content.fields); }
  bool operator()(const BlobContent& content) const {
    return content.size.is_constant() && !content.arena->is_random();
  }
  bool operator()(const FileContent& content) const {
    return content.files.size() == 1 && !content.chunk;
  }
  bool operator()(const MultipartContent& content) const {
    return std::all_of(content.parts.begin(), content.parts.end(),
                       [](const auto& part) { return part.payload.is_constant(); });
  }
};

std::uint64_t size_of(const BlobContent& blob) {
  return static_cast<std::uint64_t>(std::max(0.0, std::round(blob.size.lowest())));
}

// Of a constant body before its coding, where it may be large; texts are in memory anyway.
std::uint64_t plain_size(const PayloadPlan& plan) {
  if (const auto* files = std::get_if<FileContent>(&plan.content)) return files->files[0]->size();
  if (const auto* blob = std::get_if<BlobContent>(&plan.content)) return size_of(*blob);
  std::uint64_t sum = 0;
  if (const auto* multipart = std::get_if<MultipartContent>(&plan.content)) {
    for (const auto& part : multipart->parts) sum += part.payload.fixed_size();
  }
  return sum;
}

}  // namespace

std::string settle_plan(PayloadPlan& plan) {
  plan.is_constant = plan.fields.empty() && std::visit(IsConstant{}, plan.content);
  if (plan.coding == Coding::none) {
    if (plan.pad) plan.fixed_size = plan.pad->to;
    const auto* blob = std::get_if<BlobContent>(&plan.content);
    if (blob != nullptr && blob->size.is_constant()) plan.fixed_size = size_of(*blob);
  }
  if (!plan.is_constant) return "";
  // A large file is not read to be encoded now: that is done when it is sent.
  if (plan.coding != Coding::none && plain_size(plan) > kKeptSize) return "";
  Nobody nobody;
  Body body;
  std::string error, bytes;
  if (!append_payload(plan, nobody, body, error)) return error;
  plan.fixed_size = body.size();
  if (body.size() > kKeptSize) return "";
  if (!body.append_all(bytes, error)) return error;
  plan.constant = std::move(bytes);
  return "";
}

}  // namespace squall
