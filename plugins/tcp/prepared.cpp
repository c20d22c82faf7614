#include "prepared.hpp"

#include <algorithm>

namespace squall::tcp {

using namespace plugin;

namespace {

uint32_t length_bytes_of(const Bound& bound) {
  if (!bound.given) return 4;
  const int64_t bytes = as_int(bound.value);
  if (bytes != 1 && bytes != 2 && bytes != 4) throw invalid("length_bytes must be 1, 2 or 4");
  return static_cast<uint32_t>(bytes);
}

}  // namespace

Prepared::Prepared(Instance& instance, uint32_t op, std::span<const sq_binding> bindings,
                   const sq_wants& wants)
    : op_(op), args_(*kOperations[op], bindings) {
  if (!args_.to().given) throw invalid("tcp needs a target: to");
  if (wants.outputs >> kBodyOutput & 1) keep_bytes_ = wants.keep_bytes;
  if (op_ == kSendOperation) read_send();
  if (op_ == kRequestOperation) read_request();
  if (op_ == kDumpOperation) read_dump(instance);
}

sq_source* Prepared::payload(const sq_value* values) const {
  return op_ == kSendOperation || op_ == kRequestOperation ? as_source(args_[0].of(values))
                                                           : nullptr;
}

DumpOrder Prepared::dump_order(const sq_value* values) const {
  DumpOrder order{};
  order.content = content_;
  order.has_checksum = has_checksum_;
  order.close_wait_ns = close_wait_ns_;
  const int64_t bytes = as_int(args_[kDumpBytes].of(values),
                               has_file_ ? static_cast<int64_t>(content_->period()) : -1);
  const int64_t streams = as_int(args_[kDumpStreams].of(values), 1);
  const int64_t rate = as_int(args_[kDumpRate].of(values), 0);
  if (bytes < 0) throw invalid("bytes must be 0 or more");
  if (streams < 1 || streams > kMaxStreams) throw invalid("streams must be 1 to 64");
  if (rate < 0) throw invalid("rate must be above 0");
  order.bytes = static_cast<uint64_t>(bytes);
  order.streams = static_cast<uint32_t>(streams);
  order.rate_bytes_per_s = static_cast<uint64_t>(rate);
  return order;
}

void Prepared::read_send() {
  adds_prefix_ = as_text(args_[kSendFramingAt].value) == "length-prefix";
  framing_.kind = adds_prefix_ ? Framing::Kind::kLengthPrefix : Framing::Kind::kNone;
  framing_.length_bytes = length_bytes_of(args_[kSendLengthBytes]);
  framing_.is_big_endian = as_text(args_[kSendEndian].value) != "little";
}

void Prepared::read_request() {
  const std::string_view kind = as_text(args_[kRequestFraming].value, "delimiter");
  framing_.kind = kind == "length-prefix" ? Framing::Kind::kLengthPrefix
                  : kind == "fixed"       ? Framing::Kind::kFixed
                  : kind == "close"       ? Framing::Kind::kClose
                                          : Framing::Kind::kDelimiter;
  if (args_[kRequestDelimiter].given) framing_.delimiter = as_text(args_[kRequestDelimiter].value);
  if (framing_.delimiter.empty()) throw invalid("delimiter is empty");
  framing_.length_bytes = length_bytes_of(args_[kRequestLengthBytes]);
  framing_.is_big_endian = as_text(args_[kRequestEndian].value) != "little";
  const int64_t size = as_int(args_[kRequestSize].value, -1);
  if (framing_.kind == Framing::Kind::kFixed && size < 0) throw invalid("framing fixed needs size");
  framing_.fixed_size = static_cast<uint64_t>(std::max<int64_t>(size, 0));
  if (args_[kRequestMaxAnswer].given)
    framing_.max_answer =
        static_cast<uint64_t>(std::max<int64_t>(as_int(args_[kRequestMaxAnswer].value), 0));
  if (framing_.kind == Framing::Kind::kFixed)
    framing_.max_answer = std::max(framing_.max_answer, framing_.fixed_size);
  adds_prefix_ =
      framing_.kind == Framing::Kind::kLengthPrefix && as_bool(args_[kRequestPrefix].value, true);
}

void Prepared::read_dump(Instance& instance) {
  const std::string_view source = as_text(args_[kDumpSource].value, "pattern");
  has_file_ = source == "file";
  has_checksum_ = as_bool(args_[kDumpChecksum].value);
  if (has_file_ != args_[kDumpFile].given)
    throw invalid(has_file_ ? "source file needs file" : "file needs source: file");
  content_ = has_file_ ? std::make_shared<Content>(std::string(as_text(args_[kDumpFile].value)))
                       : instance.content(source == "random");
  if (args_[kDumpCloseWait].given)
    close_wait_ns_ =
        static_cast<uint64_t>(std::max<int64_t>(as_int(args_[kDumpCloseWait].value), 1));
  if (!has_file_ && !args_[kDumpBytes].given) throw invalid("bytes is missing");
  if (args_.all_static()) dump_order(nullptr);
}

}  // namespace squall::tcp
