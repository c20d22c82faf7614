// How a link comes by its connection, loses it and gets the next one.
#include <algorithm>

#include "link.hpp"

namespace squall::mqtt {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kFirstBackOffNs = 100 * kMillisecond;
constexpr uint64_t kLongestBackOffNs = 30'000 * kMillisecond;

Failure resolve_failure(sq_status status) {
  switch (status) {
    case SQ_E_INVALID: return {SQ_K_OFF_LIST, 0, "target is not listed", true};
    case SQ_E_CLOSED: return {SQ_K_CLOSED, 0, "shard ends", true};
    case SQ_E_TIMEOUT: return {SQ_K_RESOLVE, 0, "timed out", true};
    default: return {SQ_K_RESOLVE, 0, "host not found", true};
  }
}

}  // namespace

/// The host cannot take a question back: its answer finds the link gone, or asks for nothing more.
struct Link::Resolution {
  Link* link;
  Shard* shard;
};

Link::~Link() {
  if (resolution_) resolution_->link = nullptr;
  if (state_ == State::connected) client_->disconnect();
}

void Link::adopt(std::shared_ptr<const ConnectOptions> options) {
  options_ = std::move(options);
  client_id_ = options_->client_id.empty() ? shard_.make_client_id() : options_->client_id;
}

void Link::use() {
  if (state_ != State::idle) return;
  if (not_before_ns_ && shard_.now_ns() < not_before_ns_) {
    state_ = State::backing_off;
    if (!retry_) retry_ = plugin::Timer(shard_.handle(), on_retry, this);
    retry_.set_at(not_before_ns_);
    return;
  }
  begin_attempt(true);
}

void Link::on_retry(void* context) noexcept {
  Link& self = *static_cast<Link*>(context);
  if (self.state_ == State::backing_off) self.begin_attempt(true);
}

void Link::begin_attempt(bool is_implicit) {
  if (retry_) retry_.disarm();
  if (!options_) adopt(std::make_shared<const ConnectOptions>(shard_.instance().defaults));
  state_ = State::resolving;
  attempt_is_implicit_ = is_implicit;
  attempt_began_ns_ = shard_.now_ns();
  resolution_ = new Resolution{this, &shard_};
  const sq_status status =
      plugin::host.target->resolve(shard_.handle(), target_, on_resolved, resolution_);
  if (status == SQ_OK) return shard_.began();
  delete std::exchange(resolution_, nullptr);
  attempt_failed(resolve_failure(status));
}

void Link::on_resolved(void* context, sq_status status, sq_str text) noexcept {
  auto* const resolution = static_cast<Resolution*>(context);
  Link* const link = resolution->link;
  Shard& shard = *resolution->shard;
  delete resolution;
  if (link) {
    link->resolution_ = nullptr;
    link->addresses_ = plugin::view(text);
    link->resolved_ns_ = link->shard_.now_ns();
    if (status != SQ_OK) link->attempt_failed(resolve_failure(status));
    else link->open_client();
  }
  shard.ended();
}

/// To the next address of the broker.
void Link::open_client() {
  state_ = State::connecting;
  dialed_ns_ = shard_.now_ns();
  const size_t end = std::min(addresses_.find(' '), addresses_.size());
  const std::string address = addresses_.substr(0, end);
  addresses_.erase(0, end + 1);
  const ClientSetup setup{target_, session_, address, options_.get(), &client_id_};
  try {
    client_ = (options_->is_paho ? make_paho_client : make_mosquitto_client)(shard_, setup, *this);
  } catch (const Failure& failure) {
    attempt_failed(failure);
  } catch (const std::exception&) {
    attempt_failed({SQ_K_LOCAL_RESOURCE, 0, "ENOMEM", true});
  }
}

void Link::on_connected(const Connected& connected) {
  state_ = State::connected;
  session_present_ = connected.session_present;
  failures_ = 0;
  not_before_ns_ = 0;
  note(SQ_CN_OPENED);
  bool is_used = !connecting_.empty();
  attempt_ended(SQ_OUT_OK, SQ_K_NONE, options_->packet_bytes(client_id_) + connected.bytes_in);
  while (Exchange* one = connecting_.pop_front()) finish_connect(one, connected);
  if (!subscriptions_.empty() && !session_present_) subscribe_again();
  while (state_ == State::connected) {
    Exchange* const one = waiting_.pop_front();
    if (!one) break;
    one->place = Exchange::Place::none;
    one->begun_ns = shard_.now_ns();
    send(one, std::exchange(is_used, true));
  }
}

void Link::on_closed(const Failure& failure) {
  if (state_ == State::connected) lost(failure);
  else attempt_failed(failure);
}

void Link::attempt_failed(const Failure& failure) {
  client_.reset();
  // Nobody there; what has an address may be somewhere else.
  if (failure.kind == SQ_K_CONNECT && failure.code == 0 && !addresses_.empty()) return open_client();
  state_ = State::idle;
  note(SQ_CN_FAILED);
  ++failures_;
  set_back_off();
  attempt_ended(SQ_OUT_FAILED, failure.kind, 0);
  fail_waiting(failure);
  come_back();
}

void Link::attempt_ended(uint32_t outcome, uint32_t kind, uint64_t bytes) {
  if (!std::exchange(attempt_is_implicit_, false) || !shard_.connect_series()) return;
  plugin::host.samples->record(shard_.handle(), session_, shard_.connect_series(),
                               attempt_began_ns_, shard_.now_ns(), outcome, kind, bytes);
}

void Link::abandon_attempt(uint32_t outcome) {
  if (state_ == State::resolving || state_ == State::connecting) {
    note(SQ_CN_FAILED);
    attempt_ended(outcome, SQ_K_NONE, 0);
  }
  if (resolution_) std::exchange(resolution_, nullptr)->link = nullptr;
  if (retry_) retry_.disarm();
  client_.reset();
  addresses_.clear();
  state_ = State::idle;
}

uint64_t Link::drop_connection(const Failure& failure) {
  const uint64_t bytes = state_ == State::connected ? client_->disconnect() : 0;
  abandon_attempt(SQ_OUT_CANCELLED);
  fail_in_flight(failure);
  fail_waiting(failure);
  return bytes;
}

void Link::lost(const Failure& failure) {
  client_.reset();
  state_ = State::idle;
  if (failure.kind == SQ_K_CLOSED) note(SQ_CN_CLOSED_BY_PEER);
  set_back_off();
  fail_in_flight(failure);
  // Whatever still waits was not sent: it goes out on the next connection.
  if (!waiting_.empty()) use();
  else come_back();
}

/// Full jitter: a thousand clients that lost one broker do not come back in the same millisecond.
void Link::set_back_off() {
  const uint64_t longest =
      std::min(kLongestBackOffNs, kFirstBackOffNs << std::min<uint32_t>(failures_, 16));
  not_before_ns_ = shard_.now_ns() + 1 + shard_.random() % longest;
}

void Link::come_back() {
  if (!subscriptions_.empty()) use();
}

void Link::subscribe_again() {
  for (int qos = 0; qos <= 2; ++qos) {
    std::vector<std::string> filters;
    for (const Subscription& one : subscriptions_)
      if (one.qos == qos) filters.push_back(one.filter);
    if (filters.empty()) continue;
    const Submitted submitted = client_->subscribe(filters, qos);
    if (submitted.failure.connection_lost) return lost(submitted.failure);
    if (shard_.resubscribe_series())
      plugin::host.samples->count(shard_.handle(), session_, shard_.resubscribe_series(),
                                  filters.size());
  }
}

}  // namespace squall::mqtt
