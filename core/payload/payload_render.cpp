// Rendering: one message from a plan. Fields first, in their order; then the body; then its coding.
#include <algorithm>
#include <forward_list>

#include "payload/json_text.hpp"
#include "payload/payload_plan.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kMaxEncoded = std::uint64_t{1} << 30;

// The user as the payload's templates see it: its own fields before everything else. In a dry pass
// the user's memory (seq, walk) and its draws stay as they were.
class FieldScope final : public Scope {
 public:
  FieldScope(Scope& user, std::vector<Value>& fields) : user_(user), fields_(fields) {
    seed = user.seed;
    population = user.population;
    user_index = user.user_index;
    iteration = user.iteration;
    arrival_index = user.arrival_index;
    open = user.open;
    draws = user.draws;
  }
  std::int64_t unix_ns() const override { return user_.unix_ns(); }
  const Value* local(std::uint32_t slot) const override {
    return slot < kFieldSlots ? user_.local(slot) : &fields_[slot - kFieldSlots];
  }
  std::optional<std::string_view> field(std::uint32_t dataset, std::uint32_t column) override {
    user_.draws = draws;  // the first mention of a record may draw
    const auto text = user_.field(dataset, column);
    draws = user_.draws;
    return text;
  }
  std::string_view field_error(std::uint32_t dataset) const override { return user_.field_error(dataset); }
  ArrivalSeries* series(std::uint32_t slot) override { return user_.series(slot); }
  Value& state(std::uint32_t slot) override {
    if (!is_dry_) return user_.state(slot);
    for (auto& [known, value] : copies_) {
      if (known == slot) return value;
    }
    // Not a vector: references handed out before stay good.
    copies_.emplace_front(slot, user_.state(slot));
    return copies_.front().second;
  }

  Value& own(std::uint32_t slot) { return fields_[slot - kFieldSlots]; }
  void begin_dry() {
    is_dry_ = true;
    saved_draws_ = draws;
  }
  void end_dry() {
    is_dry_ = false;
    draws = saved_draws_;
    copies_.clear();
  }

 private:
  Scope& user_;
  std::vector<Value>& fields_;
  std::forward_list<std::pair<std::uint32_t, Value>> copies_;
  std::uint64_t saved_draws_ = 0;
  bool is_dry_ = false;
};

bool evaluate_fields(const std::vector<PayloadPlan::Field>& fields, FieldScope& scope,
                     std::string& error);

bool evaluate_each(const PayloadPlan::Each& each, FieldScope& scope, Value& out,
                   std::string& error) {
  constexpr std::int64_t kMaxItems = 1 << 20;
  const std::int64_t count = each.count.sample_int(scope);
  if (count > kMaxItems) {
    error = "each: " + std::to_string(count) + " items are too many";
    return false;
  }
  if (out.text() == nullptr) out.data = std::string();
  auto& text = std::get<std::string>(out.data);
  text.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    if (i != 0) text += each.separator;
    scope.own(each.index_slot).data = i;
    if (!evaluate_fields(each.fields, scope, error) || !each.item.append(scope, text, error))
      return false;
  }
  return true;
}

bool evaluate_fields(const std::vector<PayloadPlan::Field>& fields, FieldScope& scope,
                     std::string& error) {
  for (const PayloadPlan::Field& field : fields) {
    Value& value = scope.own(field.slot);
    const bool done = field.each ? evaluate_each(*field.each, scope, value, error)
                                 : field.generator->evaluate(scope, value, error);
    if (!done) {
      error = "field '" + field.name + "': " + error;
      return false;
    }
  }
  return true;
}

bool append_text(const TextContent& text, Scope& scope, Body& body, std::string& error) {
  std::string& out = body.buffer();
  const std::size_t begin = out.size();
  if (!text.text.append(scope, out, error)) return false;
  if (text.format == TextContent::Format::as_is) return true;
  auto packed = text.format == TextContent::Format::cbor
                    ? json_to_cbor(std::string_view(out).substr(begin))
                    : json_to_msgpack(std::string_view(out).substr(begin));
  if (!packed) {
    error = packed.error().text;
    return false;
  }
  out.replace(begin, std::string::npos, *packed);
  return true;
}

void append_blob(const BlobContent& blob, Scope& scope, Body& body) {
  const auto size =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, blob.size.sample_int(scope)));
  const std::uint64_t head = std::min<std::uint64_t>(size, blob.magic.size());
  if (head > 0) body.add_view(std::string_view(blob.magic).substr(0, head));
  std::uint64_t start = head;  // a pattern goes on where the head stands over it
  if (blob.arena->is_random()) {
    RandomStream random = scope.stream();
    start = random.below(blob.arena->bytes().size());
    scope.draws = random.draws;
  }
  body.add_arena(*blob.arena, start, size - head);
}

// One after the other per user; users begin at different places, so that not all send the same. In open load one
// after the other by arrival.
std::uint64_t next_turn(const FileContent& files, Scope& scope) {
  Value& state = scope.state(files.state);
  const auto* turn = std::get_if<std::int64_t>(&state.data);
  const std::uint64_t now = turn != nullptr ? static_cast<std::uint64_t>(*turn)
                            : scope.open    ? scope.arrival_index
                                            : scope.user_index;
  state.data = static_cast<std::int64_t>(now + 1);
  return now;
}

void append_file(const FileContent& files, Scope& scope, Body& body) {
  RandomStream random = scope.stream();
  const std::uint64_t count = files.files.size();
  const bool has_turn = !files.is_random && (count > 1 || files.chunk);
  std::uint64_t turn = has_turn ? next_turn(files, scope) : 0;
  const OpenFile& file =
      *files.files[files.is_random && count > 1 ? random.below(count) : turn % count];
  std::uint64_t offset = 0, size = file.size();
  if (files.chunk && size > 0) {
    size = std::clamp<std::uint64_t>(
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, files.chunk->sample_int(random))), 1,
        file.size());
    const std::uint64_t chunks = (file.size() + size - 1) / size;
    if (files.is_random) {
      constexpr std::uint64_t kPage = 4096;
      const std::uint64_t places = (file.size() - size) / kPage + 1;
      offset = random.below(places) * kPage;
    } else {
      turn /= count;
      offset = turn % chunks * size;
      size = std::min(size, file.size() - offset);
    }
  }
  scope.draws = random.draws;
  body.add_file(file, offset, size);
}

bool append_multipart(const MultipartContent& multipart, Scope& scope, Body& body,
                      std::string& error) {
  for (const auto& part : multipart.parts) {
    body.add_view(part.head);
    if (!append_payload(*part.payload.plan, scope, body, error)) return false;
  }
  body.add_view(multipart.tail);
  return true;
}

bool append_content(const PayloadPlan& plan, Scope& scope, Body& body, std::string& error) {
  if (const auto* text = std::get_if<TextContent>(&plan.content)) {
    if (!append_text(*text, scope, body, error)) return false;
  } else if (const auto* packed = std::get_if<PackedContent>(&plan.content)) {
    if (!append_packed(packed->items, scope, body.buffer(), body.buffer().size(), error))
      return false;
  } else if (const auto* protobuf = std::get_if<ProtobufContent>(&plan.content)) {
    if (!append_protobuf(protobuf->fields, scope, body.buffer(), error)) return false;
  } else if (const auto* blob = std::get_if<BlobContent>(&plan.content)) {
    append_blob(*blob, scope, body);
  } else if (const auto* files = std::get_if<FileContent>(&plan.content)) {
    append_file(*files, scope, body);
  } else {
    return append_multipart(std::get<MultipartContent>(plan.content), scope, body, error);
  }
  body.close_text();
  return true;
}

// The filler's length follows from a dry pass without it. Where the length itself costs bytes
// (protobuf, CBOR) it is corrected until it holds.
bool fit_filler(const PayloadPlan& plan, FieldScope& scope, std::string& error) {
  std::string& filler = std::get<std::string>(scope.own(plan.pad->slot).data);
  Body draft;
  for (int pass = 0; pass < 4; ++pass) {
    draft.clear();
    scope.begin_dry();
    const bool done = append_content(plan, scope, draft, error);
    scope.end_dry();
    if (!done) return false;
    if (draft.size() == plan.pad->to) return true;
    const auto missing =
        static_cast<std::int64_t>(plan.pad->to) - static_cast<std::int64_t>(draft.size());
    const auto length = static_cast<std::int64_t>(filler.size()) + missing;
    if (length < 0) {
      error =
          std::to_string(draft.size()) + " bytes do not fit into " + std::to_string(plan.pad->to);
      return false;
    }
    filler.assign(static_cast<std::size_t>(length), plan.pad->with);
  }
  error = "the size " + std::to_string(plan.pad->to) + " cannot be reached by padding";
  return false;
}

bool append_with_fields(const PayloadPlan& plan, Scope& user, Body& body, std::string& error) {
  if (plan.field_count == 0) return append_content(plan, user, body, error);
  // A part of a multipart reuses the places of the part before it: no part sees another's fields.
  std::vector<Value>& fields = body.fields();
  if (fields.size() < plan.field_count) fields.resize(plan.field_count);
  FieldScope scope(user, fields);
  if (plan.pad) scope.own(plan.pad->slot).data = std::string();
  bool done = evaluate_fields(plan.fields, scope, error);
  if (done && plan.pad) done = fit_filler(plan, scope, error);
  done = done && append_content(plan, scope, body, error);
  user.draws = scope.draws;
  return done;
}

}  // namespace

bool append_payload(const PayloadPlan& plan, Scope& scope, Body& body, std::string& error) {
  if (plan.constant) {
    body.add_view(*plan.constant);
    return true;
  }
  if (plan.coding == Coding::none) return append_with_fields(plan, scope, body, error);
  Body plain;
  if (!append_with_fields(plan, scope, plain, error)) return false;
  if (plain.size() > kMaxEncoded) {
    error = std::to_string(plain.size()) + " bytes are too many to encode (at most 1 GiB)";
    return false;
  }
  std::string bytes;
  std::string_view view;
  if (!plain.contiguous(view)) {
    if (!plain.append_all(bytes, error)) return false;
    view = bytes;
  }
  if (!compress(plan.coding, view, body.buffer())) {
    error = "no memory to encode " + std::to_string(view.size()) + " bytes";
    return false;
  }
  body.close_text();
  return true;
}

bool render_payload(const PayloadSpec& payload, Scope& scope, Body& body, std::string& error) {
  body.clear();
  if (append_payload(*payload.plan, scope, body, error)) return true;
  if (!payload.name.empty()) error = "payload '" + payload.name + "': " + error;
  return false;
}

bool PayloadSpec::is_constant() const { return plan->is_constant; }
std::uint64_t PayloadSpec::fixed_size() const { return plan->fixed_size; }

}  // namespace squall
