// A dataset: its file, which records of it, in which order, and what comes after the last.
#include <filesystem>

#include <fmt/format.h>

#include "scenario/decoder.hpp"
#include "scenario/files.hpp"

namespace squall {
namespace {

namespace fs = std::filesystem;
constexpr std::uintmax_t kMaxDataBytes = std::uintmax_t{2} << 30;    // in memory
constexpr std::uintmax_t kStreamedFrom = std::uintmax_t{256} << 20;  // unless the dataset says

constexpr std::string_view kPicks[] = {"random", "sequential", "shuffled", "unique", "per_user", "exclusive"};
constexpr std::string_view kEnds[] = {"wrap", "stop_task", "fail"};
constexpr std::string_view kFormats[] = {"csv", "jsonl", "combined"};

Dataset::Format format_of(std::string_view path) {
  if (path.ends_with(".jsonl") || path.ends_with(".ndjson") || path.ends_with(".json")) return Dataset::Format::json_lines;
  return path.ends_with(".log") ? Dataset::Format::combined : Dataset::Format::csv;
}

/// `users: users.csv` is `users: {file: users.csv}`.
Node with_file(const Node& key, const Node& file) {
  Node node;
  node.kind = Node::Kind::map;
  node.mark = file.mark;
  node.keys.push_back(key);
  node.keys.back().text = "file";
  node.items.push_back(file);
  return node;
}

}  // namespace

void Decoder::decode_data(const Node* node) {
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) return error(*node, fmt::format("'data' is a map of datasets, this is {}", node->kind_name()));
  for (std::size_t i = 0; i < node->keys.size(); ++i) decode_dataset(node->keys[i], node->items[i]);
}

void Decoder::decode_dataset(const Node& key, const Node& given) {
  const Node node = given.is_scalar() ? with_file(key, given) : given;
  Dataset data;
  if (node.is_map()) {
    const MapReader map(*this, node, kDatasetKeys, fmt::format("in dataset '{}'", key.text));
    const Pick pick = map["pick"] ? static_cast<Pick>(word(*map["pick"], "'pick'", kPicks)) : Pick::sequential;
    data = read_dataset(key, map, pick);
    data.pick = pick;
    data.on_end = decode_on_end(map["on_end"], pick);
  } else {
    error(given, fmt::format("dataset '{}' is a file or a map, this is {}", key.text, node.kind_name()));
  }
  data.name = key.text;
  scenario_.datasets.push_back(std::make_shared<const Dataset>(std::move(data)));
}

Dataset::Where Decoder::decode_where(const Node* filter) {
  Dataset::Where where;
  if (filter == nullptr) return where;
  if (!filter->is_map()) error(*filter, fmt::format("'where' is a map of columns and values, this is {}", filter->kind_name()));
  for (std::size_t i = 0; i < filter->keys.size(); ++i) {
    const std::string column = fmt::format("column '{}'", filter->keys[i].text);
    const Node wanted = fold(filter->items[i], {});
    std::vector<std::string> values;
    if (wanted.is_list()) for (const Node& one : wanted.items) values.push_back(text(one, {}, column));
    else values.push_back(text(filter->items[i], {}, column));
    where.emplace_back(filter->keys[i].text, std::move(values));
  }
  return where;
}

/// Its records; none when the file is missing, refused or not to be read.
Dataset Decoder::read_dataset(const Node& key, const MapReader& map, Pick pick) {
  Dataset::ReadOptions how;
  how.where = decode_where(map["where"]);
  const Node* stream = map["stream"];
  std::optional<bool> streams;
  if (stream) streams = boolean(*stream, {}, "'stream'");
  if (streams == true && pick == Pick::exclusive) {
    error(*stream, "exclusive records are held in memory", "leave out `stream`, or choose another `pick`");
    streams = false;
  }
  const Node* file = map["file"];
  if (file == nullptr) {
    error(key, fmt::format("dataset '{}' needs a file", key.text));
    return {};
  }
  if (!options_.read_files) return {};
  const std::string path = text(*file, {}, "'file'");
  if (path.empty()) return {};
  how.format = format_of(path);
  if (const Node* said = map["format"]) how.format = static_cast<Dataset::Format>(word(*said, "'format'", kFormats));
  fs::path full;
  if (std::string why = refuse_path(folder_, path, full); !why.empty()) {
    error(*file, std::move(why));
    return {};
  }
  std::error_code failed;
  const auto size = fs::file_size(full, failed);
  const bool is_large = !failed && size > kStreamedFrom;
  how.is_streamed = streams.value_or(is_large && pick != Pick::exclusive);
  if (is_large && !how.is_streamed && size > kMaxDataBytes) {
    error(*file, fmt::format("'{}' has more than {} GiB, too much for memory{}", path, kMaxDataBytes >> 30,
                             pick == Pick::exclusive ? ", where exclusive records are held" : ""),
          pick == Pick::exclusive ? "" : "leave out `stream: false`");
    return {};
  }
  if (is_large && options_.on_large_file) options_.on_large_file(path, size);
  auto read = Dataset::read(full.string(), how);
  if (const auto* mistake = std::get_if<DataError>(&read)) {
    error(*file, mistake->line == 0 ? fmt::format("'{}' {}", path, mistake->text)
                                    : fmt::format("{}:{}:{}: {}", path, mistake->line, mistake->column, mistake->text));
    return {};
  }
  Dataset data = std::move(std::get<Dataset>(read));
  if (data.size() == 0) {
    error(*file, fmt::format("'{}' has no records{}", path, how.where.empty() ? "" : " that `where` leaves"));
  }
  data.name = key.text;
  data.file = path;
  if (const std::string left_out = data.left_out_text(); !left_out.empty()) warn(file->mark, left_out);
  return data;
}

OnEnd Decoder::decode_on_end(const Node* on_end, Pick pick) {
  if (on_end == nullptr) return pick == Pick::unique ? OnEnd::stop_task : OnEnd::wrap;
  const auto end = static_cast<OnEnd>(word(*on_end, "'on_end'", kEnds));
  if (pick == Pick::unique && end == OnEnd::wrap) error(*on_end, "`unique` gives each record once, so it cannot wrap");
  if (end == OnEnd::wrap) said_to_wrap_.insert(static_cast<std::uint32_t>(scenario_.datasets.size()));
  if (pick == Pick::random || pick == Pick::exclusive) {
    error(*on_end, fmt::format("`{}` has no end", kPicks[static_cast<int>(pick)]));
  }
  return end;
}

}  // namespace squall
