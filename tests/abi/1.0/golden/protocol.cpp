// A plugin as somebody wrote it for ABI 1.0, with this folder's plugin.hpp. Frozen: it must go on to work as it is.
// golden_cpp.upper answers in capitals, at once or when it has come back from the loop by a post.
#include <squall/plugin.hpp>

namespace {

using namespace squall::plugin;

constexpr sq_param kText = param(SQ_T_STR, "text", "what is said", {.flags = SQ_P_REQUIRED});
constexpr sq_param kLater = param(SQ_T_BOOL, "later", "not from inside start", {.default_json = "false"});
constexpr const sq_param* kParams[] = {&kText, &kLater, nullptr};
constexpr sq_param kLoud = param(SQ_T_STR, "loud", "the same in capitals");
constexpr const sq_param* kOutputs[] = {&kLoud, nullptr};
constexpr sq_op kUpper = operation("upper", "capitals", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kUpper, nullptr};
constexpr sq_param kSuffix = param(SQ_T_STR, "suffix", "comes after each answer", {.default_json = "\"\""});
constexpr const sq_param* kOptions[] = {&kSuffix, nullptr};

struct Instance {
  explicit Instance(std::span<const sq_pair> options) {
    if (const sq_value* given = find(options, "suffix")) suffix = as_text(*given);
  }
  std::string suffix;
};

struct Prepared {
  Prepared(Instance& instance, uint32_t, std::span<const sq_binding> bindings, const sq_wants&)
      : args(kUpper, bindings), instance(instance) {}
  Args args;
  Instance& instance;
};

struct Shard {
  Shard(Instance&, sq_shard* shard) : shard(shard) {}
  void close(sq_done* done) {
    delete this;
    host.loop->done(done, SQ_OK, {});
  }
  sq_shard* shard;
};

struct Session {
  Session(Shard& shard, uint64_t) : shard(shard) {}

  void start(const Prepared& prepared, const sq_value* values, sq_call* call) {
    loud = as_text(prepared.args[0].of(values));
    for (char& letter : loud) {
      if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
    loud += prepared.instance.suffix;
    call->bytes_out = call->bytes_in = loud.size();
    waiting = call;
    if (!as_bool(prepared.args[1].of(values))) return answer(this);
    node = {{}, answer, this};
    if (host.loop->post(shard.shard, &node) != SQ_OK) answer(this);
  }
  static void answer(void* context) noexcept {
    if (sq_call* call = std::exchange(static_cast<Session*>(context)->waiting, nullptr)) complete(call, SQ_OUT_OK, SQ_K_NONE);
  }
  void cancel(sq_call*) {}   // the post is on its way
  sq_status output(const sq_call*, uint32_t index, std::string_view, sq_value* out) {
    if (index != 0) return SQ_E_INVALID;
    *out = text_value(loud);
    return SQ_OK;
  }
  void release(sq_call*) {}

  Shard& shard;
  std::string loud;
  sq_call* waiting = nullptr;
  sq_post node{};
};

constexpr sq_protocol kProtocol = protocol<Instance, Prepared, Shard, Session>("golden_cpp", kOperations, kOptions);

}  // namespace

SQUALL_PROTOCOL_PLUGIN("org.example.golden_cpp", "1.0.0", "of ABI 1.0", "MIT", kProtocol)
