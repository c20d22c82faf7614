#include "run.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace squall::job {
namespace {

constexpr size_t kBufferBytes = 64 << 10;  // a pipe holds as much
constexpr int kReadsPerTurn = 4;           // a job that floods its output must not hold the shard
constexpr size_t kDetailMost = 1024;       // bytes: a detail is a few words
constexpr int kLastReads = 32;             // 2 MiB: no pipe of an ordinary user holds more than one

}  // namespace

Workspace::Workspace(Keeper& keeper, sq_shard* shard)
    : keeper(keeper), shard(shard), buffer(kBufferBytes) {
  null = Descriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!null) throw plugin::Refusal(SQ_E_IO, "cannot open /dev/null: " + error_words(errno));
}

Run::Run(Workspace& workspace, void (*idle)(void*, Run*), void* owner)
    : workspace_(workspace), idle_(idle), owner_(owner) {
  errand_.shard = workspace.shard;
  errand_.on_ended = &Run::on_ended;
  errand_.owner = this;
}

void Run::begin(sq_call* call, uint64_t output_bytes) {
  call_ = call;
  is_cancelled_ = is_timeout_ = false;
  limit_ = output_bytes;
  output_seen_ = 0;
  output_.clear();
  exit_code_ = -1;
  errand_.failure.clear();
  errand_.error = errand_.signal = 0;
  errand_.exit_code = -1;
  errand_.launched_ns = errand_.ended_ns = 0;
  errand_.is_withdrawn = false;
}

void Run::refuse(sq_call* call, uint32_t kind, int32_t code, std::string detail) {
  begin(call, 0);
  report(kind, code, std::move(detail));
}

void Run::start(Order order, sq_call* call) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == 0) {
    output_fd_ = Descriptor(ends[0]);
    errand_.output = above_standard(Descriptor(ends[1]));
  }
  if (!errand_.output) {
    const int error = errno;
    output_fd_.reset();
    return refuse(call, SQ_K_LOCAL_RESOURCE, error, "cannot make a pipe: " + error_words(error));
  }
  ::fcntl(output_fd_.get(), F_SETFL, O_NONBLOCK);
  output_watch_ =
      plugin::Watch(workspace_.shard, nullptr, output_fd_.get(), SQ_FD_READ, &Run::on_output, this);
  if (!output_watch_) {
    errand_.output.reset();
    output_fd_.reset();
    return refuse(call, SQ_K_LOCAL_RESOURCE, ENOMEM,
                  "cannot watch " + order.program->name() + ": " + error_words(ENOMEM));
  }
  begin(call, order.output_bytes);
  keep_output_ = order.keep_output;
  call->bytes_out = order.has_input ? order.input.size() : 0;
  errand_.program = order.program;
  errand_.argv = std::move(order.argv);
  errand_.environment = std::move(order.environment);
  errand_.input = order.input;
  errand_.has_input = order.has_input;
  errand_.grace_ns = order.grace_ns;
  is_running_ = true;
  workspace_.keeper.start(errand_);
}

void Run::cancel() {
  if (!is_running_ || is_cancelled_) return;
  is_cancelled_ = true;
  is_timeout_ = call_ && call_->deadline_ns && now() >= call_->deadline_ns;
  workspace_.keeper.stop(errand_);
}

void Run::release() {
  if (!is_running_) idle_(owner_, this);
}

void Run::abandon() {
  call_ = nullptr;
  stop_reading();
  workspace_.keeper.kill(errand_);
}

void Run::on_output(void* self, int, uint32_t) noexcept {
  static_cast<Run*>(self)->read_output(kReadsPerTurn);
}

void Run::on_ended(void* self) noexcept { static_cast<Run*>(self)->finish(); }

/// Bytes taken from the pipe, into the buffer or, when nobody keeps them, nowhere; 0 and below as
/// read().
int64_t Run::take_output() {
  if (keep_output_ && output_seen_ < limit_)
    return ::read(output_fd_.get(), workspace_.buffer.data(), kBufferBytes);
  return ::splice(output_fd_.get(), nullptr, workspace_.null.get(), nullptr, kBufferBytes,
                  SPLICE_F_NONBLOCK);
}

void Run::read_output(int most_reads) {
  while (output_fd_ && most_reads-- > 0) {
    const int64_t n = take_output();
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return stop_reading();  // all holders have closed it; the process may go on
    if (output_seen_ == 0) call_->first_byte_ns = is_running_ ? now() : errand_.ended_ns;
    if (keep_output_ && output_seen_ < limit_)
      output_.append(workspace_.buffer.data(),
                     std::min(static_cast<uint64_t>(n), limit_ - output_seen_));
    output_seen_ += static_cast<uint64_t>(n);
    if (static_cast<size_t>(n) < kBufferBytes) return;  // a pipe gives all it has
  }
}

void Run::stop_reading() {
  output_watch_.reset();
  output_fd_.reset();
}

void Run::finish() {
  is_running_ = false;
  if (!call_) return idle_(owner_, this);
  read_output(kLastReads);  // what was in the pipe when the last writer died
  stop_reading();
  exit_code_ = errand_.exit_code;
  if (!errand_.failure.empty()) {
    report(errand_.is_withdrawn ? SQ_K_NONE : SQ_K_LOCAL_RESOURCE, errand_.error, errand_.failure);
  } else if (errand_.signal != 0) {
    const char* name = ::sigabbrev_np(errand_.signal);
    exit_code_ = 128 + errand_.signal;
    report(SQ_K_NONE, exit_code_, std::string("signal ") + (name ? name : "unknown"));
  } else {
    report(SQ_K_NONE, exit_code_, exit_code_ == 0 ? "" : "exit " + std::to_string(exit_code_));
  }
}

/// Every nanosecond of the call belongs to one phase: until the program ran, until it wrote, the
/// rest.
void Run::report(uint32_t kind, int32_t code, std::string detail) {
  sq_call* call = std::exchange(call_, nullptr);
  detail_ = std::move(detail);
  if (detail_.size() > kDetailMost) detail_.replace(kDetailMost, std::string::npos, "…");   // it may quote what was to run
  call->bytes_in = output_seen_;
  // When it ended, not when a busy shard heard of it; yet what was read came before.
  call->end_ns =
      std::max({errand_.ended_ns ? errand_.ended_ns : now(), call->first_byte_ns, call->start_ns});
  plugin::PhaseClock phases;
  phases.begin(call);
  if (errand_.launched_ns)
    phases.mark(call, SQ_PH_SEND,
                call->first_byte_ns ? std::min(errand_.launched_ns, call->first_byte_ns)
                                    : errand_.launched_ns);
  if (call->first_byte_ns) phases.mark(call, SQ_PH_FIRST_BYTE, call->first_byte_ns);
  phases.mark(call, SQ_PH_RECEIVE, call->end_ns);
  uint32_t outcome = kind == SQ_K_NONE ? SQ_OUT_OK : SQ_OUT_FAILED;
  if (is_cancelled_ && kind == SQ_K_NONE) outcome = is_timeout_ ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED;
  plugin::complete(call, outcome, kind, code, detail_);
}

}  // namespace squall::job
