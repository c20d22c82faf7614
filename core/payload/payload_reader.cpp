// From one entry of `payloads` to a plan: which kind it is, which keys go with it, and their
// mistakes.
#include <algorithm>
#include <array>
#include <cmath>

#include "payload/digest.hpp"
#include "payload/field_names.hpp"
#include "payload/payload_keys.hpp"
#include "payload/payload_plan.hpp"
#include "payload/source_file.hpp"
#include "payload/suggestion.hpp"
#include "payload/units.hpp"

namespace squall {
namespace {

// Which keys stand beside some kinds only.
struct Beside {
  std::string_view key;
  std::string_view kinds;
};
constexpr Beside kOnlyBeside[] = {
    {"fields", "template text json bytes protobuf"},
    {"each", "template text json bytes protobuf"},
    {"pad", "template text json bytes protobuf"},
    {"format", "template json"},
    {"source", "size"},
    {"entropy", "size"},
    {"compressible", "size"},
    {"magic", "size"},
    {"chunk", "file"},
    {"order", "file"},
};

[[noreturn]] void refuse(std::string why) { throw Error{std::move(why)}; }

template <typename T>
T take(Result<T> result, std::string_view where = {}) {
  if (!result)
    refuse(where.empty() ? result.error().text : std::string(where) + ": " + result.error().text);
  return std::move(*result);
}

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

/// " (did you mean 'gzip'?)", or " (one of gzip, deflate)".
std::string nearest_or_all(std::string_view word, std::span<const std::string_view> known) {
  if (std::string near = did_you_mean(word, known); !near.empty()) return near;
  std::string all;
  for (const std::string_view one : known) all.append(all.empty() ? " (one of " : ", ").append(one);
  return all + ")";
}

class Reader {
 public:
  explicit Reader(const PayloadContext& context) : names_(context.names), folder_(context.folder) {}

  PayloadSpec read(std::string name, const Value& description) {
    PayloadSpec spec;
    spec.name = std::move(name);
    plan_ = std::make_shared<PayloadPlan>();
    const ValueMap* map = as_map(description);
    if (map == nullptr) {
      if (description.is_null() || as_list(description) != nullptr) {
        refuse(
            "a payload is a text or one of template, text, json, bytes, protobuf, size, file, "
            "multipart");
      }
      TextContent text;
      text.text = description.text() != nullptr ? take(compile_text(*description.text(), names_))
                                                : Template(description);
      plan_->content = std::move(text);
    } else {
      read_map(*map, spec);
    }
    plan_->field_count = names_.count();
    if (std::string mistake = settle_plan(*plan_); !mistake.empty()) refuse(mistake);
    spec.content_encoding = coding_name(plan_->coding);
    spec.plan = plan_;
    return spec;
  }

 private:
  void read_map(const ValueMap& map, PayloadSpec& spec) {
    std::string kind;
    for (const auto& [key, value] : map) {
      if (!has_key(kPayloadKinds, key)) continue;
      if (!kind.empty())
        refuse("a payload is one thing, not both " + quote(kind) + " and " + quote(key));
      kind = key;
    }
    check_keys(map, kind);
    if (const Value* fields = find_key(map, "fields")) plan_->fields = read_fields(*fields);
    if (const Value* each = find_key(map, "each")) read_each(*each);
    if (const Value* pad = find_key(map, "pad")) read_pad(*pad);
    if (const Value* encode = find_key(map, "encode")) read_encode(encode->to_text());
    const Value& value = *find_key(map, kind);
    if (kind == "template") {
      read_template(value, spec);
    } else if (kind == "text") {
      if (as_map(value) != nullptr || as_list(value) != nullptr)
        refuse("'text' takes a text (write json: for a tree)");
      plan_->content = TextContent{take(compile_text(value.to_text(), names_), "text")};
      spec.content_type = "text/plain; charset=utf-8";
    } else if (kind == "json") {
      plan_->content = TextContent{take(compile_tree(value, names_), "json")};
      spec.content_type = "application/json";
    } else if (kind == "bytes") {
      plan_->content = PackedContent{take(make_packed_items(value, names_, folder_), "bytes")};
      spec.content_type = "application/octet-stream";
    } else if (kind == "protobuf") {
      plan_->content = ProtobufContent{take(make_protobuf(value, names_, folder_), "protobuf")};
      spec.content_type = "application/x-protobuf";
    } else if (kind == "size") {
      read_blob(value, map);
      spec.content_type = "application/octet-stream";
    } else if (kind == "file") {
      read_files(value, map, spec);
    } else {
      read_multipart(value, spec);
    }
    if (const Value* format = find_key(map, "format")) read_format(format->to_text(), spec);
    if (const Value* type = find_key(map, "content_type")) spec.content_type = type->to_text();
  }

  static void check_keys(const ValueMap& map, const std::string& kind) {
    for (const auto& [key, value] : map) {
      if (key == kind) continue;
      if (!has_key(kPayloadKeys, key))
        refuse("unknown key " + quote(key) + " in a payload" +
               did_you_mean(key, names_of({kPayloadKinds, kPayloadKeys})));
      const auto only = std::ranges::find(kOnlyBeside, key, &Beside::key);
      if (!kind.empty() && only != std::end(kOnlyBeside) && !has_word(only->kinds, kind))
        refuse(quote(kind) + " takes no " + quote(key));
    }
    if (kind.empty())
      refuse("a payload needs one of template, text, json, bytes, protobuf, size, file, multipart");
  }

  // ---- names of the payload

  void check_new(const std::string& name) {
    if (std::string mistake = names_.mistake_of_new(name); !mistake.empty()) refuse(mistake);
  }

  std::vector<PayloadPlan::Field> read_fields(const Value& description) {
    const ValueMap* map = as_map(description);
    if (map == nullptr)
      refuse("'fields' takes names with generators (write fields: {n: \"${seq}\"})");
    std::vector<PayloadPlan::Field> fields;
    for (const auto& [name, value] : *map) {
      check_new(name);
      PayloadPlan::Field field;
      field.name = name;
      field.generator = std::make_unique<Generator>(
          take(make_generator(value, names_, folder_), "field " + quote(name)));
      field.slot = names_.add_slot();
      names_.show(name, field.slot, field.generator->is_json());
      fields.push_back(std::move(field));
    }
    return fields;
  }

  void read_each(const Value& description) {
    const ValueMap* map = as_map(description);
    if (map == nullptr)
      refuse("'each' takes names (write each: {lanes: {count: 8, template: lane.json}})");
    for (const auto& [name, value] : *map) {
      check_new(name);
      const ValueMap* parts = as_map(value);
      if (parts == nullptr)
        refuse("each " + quote(name) + " takes count and template, text or json");
      for (const auto& [key, ignored] : *parts) {
        if (!has_key(kPayloadEachKeys, key)) {
          refuse("unknown key " + quote(key) + " in each " + quote(name) +
                 did_you_mean(key, names_of({kPayloadEachKeys})));
        }
      }
      const Value* count = find_key(*parts, "count");
      if (count == nullptr) refuse("each " + quote(name) + " needs 'count'");
      PayloadPlan::Field field;
      field.name = name;
      field.slot = names_.add_slot();
      field.each = std::make_unique<PayloadPlan::Each>();
      PayloadPlan::Each& each = *field.each;
      each.count = take(make_distribution(*count, UnitKind::none, {&names_, folder_}), "count");
      each.separator =
          find_key(*parts, "separator") != nullptr ? find_key(*parts, "separator")->to_text() : ",";
      const std::size_t depth = names_.depth();
      each.index_slot = names_.add_slot();
      names_.show("index", each.index_slot, false);
      if (const Value* fields = find_key(*parts, "fields")) each.fields = read_fields(*fields);
      read_item(*parts, each, name);
      names_.hide_from(depth);
      names_.show(name, field.slot, /*is_json=*/true);
      plan_->fields.push_back(std::move(field));
    }
  }

  void read_item(const ValueMap& parts, PayloadPlan::Each& each, const std::string& name) {
    const Value* file = find_key(parts, "template");
    const Value* text = find_key(parts, "text");
    const Value* tree = find_key(parts, "json");
    if ((file != nullptr) + (text != nullptr) + (tree != nullptr) != 1) {
      refuse("each " + quote(name) + " needs one of template, text, json");
    }
    const std::string where = "each " + quote(name);
    if (file != nullptr) {
      each.item = compile_file(file->to_text());
    } else if (text != nullptr) {
      each.item = take(compile_text(text->to_text(), names_), where);
    } else {
      each.item = take(compile_tree(*tree, names_), where);
    }
  }

  void read_pad(const Value& description) {
    const ValueMap* map = as_map(description);
    const Value* field = map == nullptr ? nullptr : find_key(*map, "field");
    const Value* to = map == nullptr ? nullptr : find_key(*map, "to");
    const Value* with = map == nullptr ? nullptr : find_key(*map, "with");
    if (field == nullptr || to == nullptr || map->size() != (with != nullptr ? 3u : 2u)) {
      refuse("'pad' takes field and to (write pad: {field: filler, to: 1kB})");
    }
    PayloadPlan::Pad pad;
    const std::string name = field->to_text();
    check_new(name);
    pad.to = static_cast<std::uint64_t>(take(size_distribution(*to), "pad").mean());
    if (pad.to > (1u << 26)) refuse("pad: at most 64 MiB (use `size` for large payloads)");
    if (with != nullptr) {
      if (with->to_text().size() != 1) refuse("pad: 'with' is one character");
      pad.with = with->to_text()[0];
    }
    pad.slot = names_.add_slot();
    names_.show(name, pad.slot, false);
    plan_->pad = pad;
  }

  // ---- kinds

  Template compile_file(const std::string& file) {
    const std::string text = take(read_text_file(folder_, file));
    const bool is_json = file.ends_with(".json") || file.ends_with(".jsonld");
    return take(
        compile_text(text, names_, is_json ? Template::Escape::json : Template::Escape::none),
        file);
  }

  void read_template(const Value& value, PayloadSpec& spec) {
    const std::string file = value.to_text();
    plan_->content = TextContent{compile_file(file)};
    spec.content_type = type_of_file(file);
  }

  // "size: 200" and "pad to 1000" are bytes; so are uniform: [100, 200] and units.
  // `names` where the sizes may go on from message to message (trace, markov).
  Result<Distribution> size_distribution(const Value& value, Names* names = nullptr) const {
    auto with_units = make_distribution(value, UnitKind::size, {names, folder_});
    if (with_units) return with_units;
    auto plain = make_distribution(value, UnitKind::none, {names, folder_});
    if (plain && plain->lowest() < 0 && plain->is_constant()) return with_units;
    return plain ? plain : with_units;
  }

  void read_blob(const Value& value, const ValueMap& map) {
    BlobContent blob;
    blob.size = take(size_distribution(value, &names_), "size");
    const Value* source = find_key(map, "source");
    const Value* entropy = find_key(map, "entropy");
    const Value* compressible = find_key(map, "compressible");
    if ((source != nullptr) + (entropy != nullptr) + (compressible != nullptr) > 1) {
      refuse("only one of source, entropy, compressible can be given");
    }
    const std::uint64_t key = hash_text("squall blob");
    if (entropy != nullptr) {
      const double bits = take(parse_quantity(*entropy, UnitKind::none), "entropy");
      if (bits < 0 || bits > 8)
        refuse("entropy: " + quote(entropy->to_text()) + " is not within 0 and 8 bits per byte");
      blob.arena = Arena::entropy(bits, key);
    } else if (compressible != nullptr) {
      const double ratio = take(parse_quantity(*compressible, UnitKind::none), "compressible");
      if (ratio < 1 || ratio > 100)
        refuse("compressible: " + quote(compressible->to_text()) + " is not within 1 and 100");
      blob.arena = Arena::compressible(ratio, key);
    } else {
      const std::string how = source == nullptr ? "random" : source->to_text();
      if (how == "random") {
        blob.arena = Arena::random(key);
      } else if (how == "zero") {
        blob.arena = Arena::zero();
      } else if (how == "pattern") {
        blob.arena = Arena::pattern();
      } else {
        static constexpr std::string_view kSources[] = {"random", "zero", "pattern"};
        refuse("unknown source " + quote(how) + nearest_or_all(how, kSources));
      }
    }
    if (const Value* magic = find_key(map, "magic")) {
      if (!parse_hex(magic->to_text(), blob.magic))
        refuse("magic: " + quote(magic->to_text()) + " is no even number of hex digits");
    }
    plan_->content = std::move(blob);
  }

  void read_files(const Value& value, const ValueMap& map, PayloadSpec& spec) {
    FileContent files;
    const std::string file = value.to_text();
    files.files = take(open_files(join_path(folder_, file)));
    if (const Value* chunk = find_key(map, "chunk")) {
      files.chunk = take(size_distribution(*chunk), "chunk");
      if (files.chunk->highest() < 1) refuse("chunk: " + quote(chunk->to_text()) + " must be above 0");
    }
    if (const Value* order = find_key(map, "order")) {
      const std::string how = order->to_text();
      if (how != "random" && how != "sequential")
        refuse("order: " + quote(how) + " is neither sequential nor random");
      files.is_random = how == "random";
    }
    if (!files.is_random && files.chunk && !files.chunk->is_constant()) {
      refuse("chunks that differ in size need order: random");
    }
    if (!files.is_random && (files.chunk || files.files.size() > 1))
      files.state = names_.add_state({});
    spec.content_type = type_of_file(files.files[0]->path());
    plan_->content = std::move(files);
  }

  void read_multipart(const Value& value, PayloadSpec& spec) {
    const ValueList* list = as_list(value);
    if (list == nullptr || list->empty())
      refuse("'multipart' takes a list of parts (write multipart: [{name: a, text: b}])");
    // Not random: the same scenario sends the same bytes, and no payload holds this by chance.
    std::string boundary = "squall-";
    const std::uint64_t mark = hash_text(spec.name + " boundary");
    append_hex(boundary, std::string_view(reinterpret_cast<const char*>(&mark), sizeof mark));
    MultipartContent multipart;
    for (const Value& one : *list) {
      const ValueMap* part = as_map(one);
      const Value* name = part == nullptr ? nullptr : find_key(*part, "name");
      if (name == nullptr) refuse("a part of 'multipart' needs 'name'");
      MultipartContent::Part made;
      ValueMap rest;
      std::string filename;
      for (const auto& [key, given] : *part) {
        if (key == "filename") {
          filename = given.to_text();
        } else if (key != "name") {
          rest.emplace_back(key, given);
        }
      }
      if (find_key(rest, "multipart") != nullptr) refuse("'multipart' does not nest");
      PayloadContext context{names_, folder_};
      made.payload =
          take(make_payload("", Value{std::make_shared<const ValueMap>(std::move(rest))}, context),
               "part " + quote(name->to_text()));
      made.head = (multipart.parts.empty() ? "--" : "\r\n--") + boundary +
                  "\r\nContent-Disposition: form-data; name=\"" + quoted_text(name->to_text()) +
                  "\"";
      if (!filename.empty()) made.head += "; filename=\"" + quoted_text(filename) + "\"";
      const bool is_plain_text =
          filename.empty() && made.payload.content_type.starts_with("text/plain");
      if (!made.payload.content_type.empty() && !is_plain_text)
        made.head += "\r\nContent-Type: " + made.payload.content_type;
      if (!made.payload.content_encoding.empty())
        made.head += "\r\nContent-Encoding: " + made.payload.content_encoding;
      made.head += "\r\n\r\n";
      multipart.parts.push_back(std::move(made));
    }
    multipart.tail = "\r\n--" + boundary + "--\r\n";
    spec.content_type = "multipart/form-data; boundary=" + boundary;
    plan_->content = std::move(multipart);
  }

  // RFC 7578 and what browsers do: quotes and line ends become %XX.
  static std::string quoted_text(const std::string& text) {
    std::string out;
    for (char c : text) {
      if (c == '"') {
        out += "%22";
      } else if (c == '\r') {
        out += "%0D";
      } else if (c == '\n') {
        out += "%0A";
      } else {
        out += c;
      }
    }
    return out;
  }

  void read_format(const std::string& format, PayloadSpec& spec) {
    auto& text = std::get<TextContent>(plan_->content);
    if (format == "cbor") {
      text.format = TextContent::Format::cbor;
      spec.content_type = "application/cbor";
    } else if (format == "msgpack") {
      text.format = TextContent::Format::msgpack;
      spec.content_type = "application/msgpack";
    } else if (format != "json") {
      static constexpr std::string_view kFormats[] = {"json", "cbor", "msgpack"};
      refuse("unknown format " + quote(format) + nearest_or_all(format, kFormats));
    }
  }

  void read_encode(const std::string& coding) {
    for (Coding known : {Coding::gzip, Coding::deflate, Coding::zstd}) {
      if (coding == coding_name(known)) plan_->coding = known;
    }
    static constexpr std::string_view kCodings[] = {"identity", "gzip", "deflate", "zstd"};
    if (plan_->coding == Coding::none && coding != "identity") {
      refuse("unknown encoding " + quote(coding) + nearest_or_all(coding, kCodings));
    }
  }

  static std::string type_of_file(std::string_view path) {
    static constexpr std::array<std::pair<std::string_view, const char*>, 14> kTypes{{
        {".json", "application/json"},
        {".jsonld", "application/ld+json"},
        {".xml", "application/xml"},
        {".csv", "text/csv"},
        {".txt", "text/plain; charset=utf-8"},
        {".html", "text/html"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".png", "image/png"},
        {".mp4", "video/mp4"},
        {".pdf", "application/pdf"},
        {".zip", "application/zip"},
        {".gz", "application/gzip"},
        {".pb", "application/x-protobuf"},
    }};
    for (const auto& [ending, type] : kTypes) {
      if (path.ends_with(ending)) return type;
    }
    return "application/octet-stream";
  }

  FieldNames names_;
  const std::string& folder_;
  std::shared_ptr<PayloadPlan> plan_;
};

}  // namespace

Result<PayloadSpec> make_payload(std::string name, const Value& description,
                                 const PayloadContext& context) {
  try {
    return Reader(context).read(std::move(name), description);
  } catch (Error& error) {
    return std::move(error);
  }
}

}  // namespace squall
