#include "life.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "board.hpp"
#include "reason.hpp"

namespace squall::plugin_check {
namespace {

constexpr std::uint64_t kMs = 1'000'000, kCancelLimitNs = 5'000 * kMs, kBytesMost = std::uint64_t{1} << 50;
constexpr std::size_t kDetailMost = 64 << 10, kTextMost = 64u << 20;
constexpr int kTries = 200, kRealMs = 3'000;

/// What a target may be called for this protocol: its own name as the scheme, or what its kind of socket is called.
std::vector<std::string> schemes_of(const std::string& protocol) {
  if (protocol == "http") return {"http", "https"};
  if (protocol == "tcp") return {"tcp", "tls"};
  if (protocol == "udp") return {"udp"};
  return {protocol, protocol + "s", "tcp", "udp"};
}

/// Reads all of it, so that a view of nothing falls here.
void touch(sq_str text) {
  volatile char seen = 0;
  for (std::uint64_t i = 0; i < text.len; ++i) seen = text.ptr[i];
  static_cast<void>(seen);
}

/// "" when the text can be read.
std::string fault_of(sq_str text, std::size_t most) {
  if (text.len > 0 && !text.ptr) return fmt::format("of NULL with a length of {}", text.len);
  if (text.len > most) return fmt::format("of {} bytes, at most {} are taken", text.len, most);
  touch(text);
  return {};
}

std::string type_name(std::uint32_t type) {
  static constexpr const char* kNames[] = {"null", "bool", "integer", "number", "text", "bytes", "duration", "list", "map", "target", "payload"};
  return type < std::size(kNames) ? kNames[type] : fmt::format("{}", type);
}

}  // namespace

std::vector<std::uint32_t> operations_of(const Subject& subject) {
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t i = 0; subject.protocol->ops[i]; ++i) {
    if (subject.is_wanted(subject.protocol->ops[i]->name)) wanted.push_back(i);
  }
  return wanted;
}

Life::Life(const Subject& of, Random& from, const Weather& in) : subject(of), random(from), weather(in), values_(of, from) {
  host.network = {};
  if (weather.before) weather.before(host.network);
  host.network.takes_bytes = 4 << 20;
  if (weather.answer != nullptr) host.serve = [this](sq_stream& stream) { serve(stream); };
  for (const std::string& scheme : schemes_of(subject.protocol->name)) host.add_target(scheme + "_target", scheme + "://127.0.0.1:1/base");
  at("open");
  std::string told;
  for (int i = 0; i < kTries; ++i) {
    const std::vector<sq_pair> pairs = values_.options(subject.protocol->options);
    lent::Memory memory;
    void* instance = nullptr;
    Reason reason;
    if (!reason.accepts("open", subject.protocol->open(memory.copy_all(pairs.data(), pairs.size()), pairs.size(), &instance, reason.room()))) {
      told = reason.text();
      continue;
    }
    memory.close();
    at("close");
    subject.protocol->close(instance);
    at("open");
    fake::Protocol::Options options;
    for (const sq_pair& pair : pairs) options.emplace_back(plugin::view(pair.key), pair.value);
    try {
      protocol = std::make_unique<fake::Protocol>(host, subject.path, options);
    } catch (const std::runtime_error&) {   // it has been told
      abandon();
    }
    return;
  }
  find(fmt::format("open accepted none of {} sets of options; the last answer: {} (--set NAME=VALUE gives one)", kTries, told));
  abandon();
}

std::vector<sq_binding> Life::bindings(const sq_op& op, std::vector<sq_value>& args, std::string& told) {
  std::vector<sq_binding> list;
  const auto bind = [&](std::uint32_t index, const sq_value& value, bool may_vary, std::string_view name) {
    if (!told.empty()) told += ", ";
    const bool is_slot = may_vary && random.chance(0.4);
    told += fmt::format("{}: {}{}", name, show(value), is_slot ? " (varies)" : "");
    if (!is_slot) return list.push_back({index, -1, value});
    list.push_back({index, static_cast<std::int32_t>(args.size()), {}});
    args.push_back(value);
  };
  if (random.chance(0.95)) {
    auto target = host.targets().begin();
    std::advance(target, static_cast<std::ptrdiff_t>(random.below(host.targets().size())));
    sq_value to = plugin::make_value(SQ_T_TARGET);
    to.u.target = &*target;
    bind(SQ_PARAM_TO, to, true, "to " + target->scheme);
  }
  for (std::uint32_t i = 0; op.params && op.params[i]; ++i) {
    const sq_param& param = *op.params[i];
    if (!(param.flags & SQ_P_REQUIRED) && !subject.given.contains(param.name) && random.chance(0.6)) continue;
    bind(i, values_.make(param, &host), !(param.flags & SQ_P_STATIC), param.name);
  }
  return list;
}

std::optional<Step> Life::prepare(std::uint32_t index) {
  const sq_op& op = *subject.protocol->ops[index];
  for (int i = 0; i < kTries; ++i) {
    Step made{{}, {}, &op};
    std::string told;
    const std::vector<sq_binding> list = bindings(op, made.args, told);
    at(fmt::format("prepare of {} ({})", op.name, told));
    lent::Memory memory;
    const sq_wants wants{sizeof wants, 0, random.chance(0.8) ? UINT64_MAX : random.below(UINT64_MAX), random.chance(0.5) ? 1u << 20 : random.below(100)};
    Reason reason;
    made.prepared.op = index;
    const sq_status status = subject.protocol->prepare(protocol->instance, index, memory.copy_all(list.data(), list.size()),
                                                       static_cast<std::uint32_t>(list.size()), memory.copy(&wants, 1), &made.prepared.handle, reason.room());
    if (reason.accepts(fmt::format("prepare of {}", op.name), status)) {
      protocol->adopt(made.prepared);
      return made;
    }
    refusal_ = reason.text();
  }
  return std::nullopt;
}

void Life::serve(sq_stream& stream) { weather.answer(stream, random); }

void Life::turn() {
  host.run();
  for (; greeted_ < host.stream_count() && host.stream(greeted_).is_open; ++greeted_) {
    if (weather.greet) weather.greet(host.stream(greeted_), random);
  }
  for (std::size_t i = 0; weather.datagrams && i < host.dgram_count(); ++i) {
    if (sq_dgram& socket = host.dgram(i); !socket.is_closed && !socket.sent.empty()) weather.datagrams(socket, random);
  }
  host.run();
}

bool Life::step() {
  turn();
  return host.step();
}

std::unique_ptr<fake::Session> Life::open_session(std::uint64_t id) {
  at("session_open");
  auto session = std::make_unique<fake::Session>(*protocol, id);
  if (!session->handle) abandon();
  return session;
}

fake::Call& Life::start(fake::Session& session, const Step& step) {
  session.timeout_ns = random.one_of(std::to_array<std::uint64_t>({1, kMs, 50 * kMs, 1'000 * kMs}));
  at(fmt::format("start of {}, {}", step.op->name, weather.name));
  return session.start(step.prepared, step.args, random.chance(0.2) ? std::uint32_t{SQ_CALL_BESIDE} : 0u);
}

void Life::drive(fake::Session&, fake::Call& call, const Step& step) {
  const std::uint64_t limit_ns = step.op->cancel_limit_ns ? step.op->cancel_limit_ns : kCancelLimitNs;
  at(fmt::format("a call of {}, {}", step.op->name, weather.name));
  int real_ms = 0;
  // The time-out's own event is what the host cancels by; after it the plugin has its limit.
  const std::uint64_t last_ns = call.deadline_ns + limit_ns;
  while (!call.completed) {
    turn();
    if (call.completed) break;
    if (waits_for_real_things() && real_ms < kRealMs) {
      if (host.poll_once(1)) continue;
      ++real_ms;
      if (host.now_ns < last_ns) host.advance(kMs);
      continue;
    }
    if (host.now_ns > last_ns || !host.step()) break;
  }
  if (call.completed) return;
  find(fmt::format("{}: complete() did not follow cancel() within {:.1f} s", step.op->name, static_cast<double>(limit_ns) / 1e9));
  abandon();
}

void Life::Ends::operator+=(const Ends& other) {
  for (std::size_t i = 0; i < std::size(outcome); ++i) outcome[i] += other.outcome[i];
  silent += other.silent;
}

std::string Life::Ends::text() const {
  const unsigned all = outcome[SQ_OUT_OK] + outcome[SQ_OUT_FAILED] + outcome[SQ_OUT_TIMEOUT] + outcome[SQ_OUT_CANCELLED];
  std::string told = fmt::format("{} calls in {} kinds of network: {} ok, {} failed, {} timed out, {} cancelled", all, all_weathers().size(), outcome[SQ_OUT_OK],
                                 outcome[SQ_OUT_FAILED], outcome[SQ_OUT_TIMEOUT], outcome[SQ_OUT_CANCELLED]);
  if (silent > all / 2) told += fmt::format("; {} sent nothing (--set NAME=VALUE gives values that can be sent)", silent);
  return told;
}

void Life::look_at(fake::Session& session, fake::Call& call, const Step& step) {
  at(fmt::format("what a call of {} says ({})", step.op->name, weather.name));
  check_figures(call, step);
  check_outputs(session, call, step);
  ++ends_.outcome[std::min<std::uint32_t>(call.outcome, SQ_OUT_CANCELLED)];
  ends_.silent += call.bytes_out == 0;
  at(fmt::format("release of a call of {}", step.op->name));
  session.release(call);
}

void Life::call(fake::Session& session, const Step& step) {
  fake::Call& call = start(session, step);
  drive(session, call, step);
  look_at(session, call, step);
}

void Life::check_figures(const fake::Call& call, const Step& step) {
  const auto wrong = [&](std::string_view what) { find(fmt::format("{}: {}", step.op->name, what)); };
  if (call.outcome == SQ_OUT_FAILED && call.kind == SQ_K_NONE) wrong("failed without a kind of failure");
  if (call.outcome != SQ_OUT_FAILED && call.kind != SQ_K_NONE) wrong(fmt::format("kind {} of a call that has not failed", call.kind));
  if (const std::string fault = fault_of(call.detail, kDetailMost); !fault.empty()) wrong("a detail " + fault);
  if (call.end_ns < call.start_ns) wrong("it ended before it began");
  if (call.end_ns > host.now_ns) wrong("it ended in the future");
  if (call.first_byte_ns && (call.first_byte_ns < call.start_ns || call.first_byte_ns > call.end_ns)) wrong("a first byte outside of the call");
  if (call.bytes_in >= kBytesMost || call.bytes_out >= kBytesMost) wrong("more bytes than can be");
  if (call.progress_in >= kBytesMost || call.progress_out >= kBytesMost) wrong("progress() by more bytes than can be");
  std::uint64_t phases = 0;
  bool is_sum = true;
  for (const std::uint64_t phase : call.phase_ns) is_sum = is_sum && !__builtin_add_overflow(phases, phase, &phases);
  if (!is_sum || (call.end_ns >= call.start_ns && phases > call.end_ns - call.start_ns)) wrong("phases that are longer than the call");
}

void Life::check_outputs(fake::Session& session, const fake::Call& call, const Step& step) {
  std::uint32_t count = 0;
  while (step.op->outputs && step.op->outputs[count]) ++count;
  static constexpr std::string_view kKeys[] = {"", "x", "content-type", "0"};
  for (std::uint32_t i = 0; i < count; ++i) {
    const sq_param& described = *step.op->outputs[i];
    lent::Memory memory;
    sq_value value{};
    at(fmt::format("output {} of {} ({})", described.name, step.op->name, weather.name));
    const sq_status status = subject.protocol->output(session.handle, &call, i, memory.copy(plugin::str(random.one_of(kKeys))), &value);
    memory.close();
    if (status > 0) find(fmt::format("output {} of {} returned {}, which is no status", described.name, step.op->name, status));
    if (status != SQ_OK) continue;
    const auto wrong = [&](std::string_view what) { find(fmt::format("{}: output {} is {}", step.op->name, described.name, what)); };
    if (value.type > SQ_T_DURATION) {
      wrong(fmt::format("of type {}, which no output has", value.type));
      continue;
    }
    if (value.type == SQ_T_STR || value.type == SQ_T_BYTES) {
      if (const std::string fault = fault_of(value.u.str, kTextMost); !fault.empty()) wrong("a text " + fault);
    }
    const auto is_text = [](std::uint32_t type) { return type == SQ_T_STR || type == SQ_T_BYTES || type == SQ_T_MAP; };   // a map's values are texts
    if (value.type != SQ_T_NULL && described.type != SQ_T_NULL && value.type != described.type && !(is_text(value.type) && is_text(described.type))) {
      wrong(fmt::format("{}, and is described as {}", type_name(value.type), type_name(described.type)));
    }
  }
  sq_value value{};
  at(fmt::format("an output that {} does not have", step.op->name));
  if (subject.protocol->output(session.handle, &call, count + 7, {}, &value) == SQ_OK) {
    find(fmt::format("{}: output() of an index that it does not have is SQ_OK", step.op->name));
  }
}

}  // namespace squall::plugin_check
