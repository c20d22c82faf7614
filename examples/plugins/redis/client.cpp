#include "client.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace {

/// The words of the host's own streams, so that one report does not name one thing twice.
const char* word_of(int error_number) {
  switch (error_number) {
    case ECONNREFUSED: return "refused";
    case ETIMEDOUT: return "timed out";
    case EHOSTUNREACH: return "host unreachable";
    case ENETUNREACH: return "network unreachable";
    case ECONNRESET:
    case EPIPE: return "reset";
    default: break;
  }
  const char* const name = ::strerrorname_np(error_number);
  return name ? name : "unknown error";
}

Failure connect_failure(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRINUSE:
    case EADDRNOTAVAIL: return {SQ_K_LOCAL_RESOURCE, word_of(error_number)};
    default: return {SQ_K_CONNECT, word_of(error_number)};
  }
}

}  // namespace

Client::Client(sq_shard* shard, const Peer& peer, ClientEvents& events)
    : events_(events), shard_(shard), target_(peer.target) {
  const auto* const target = squall::plugin::host.target;
  const std::string local(squall::plugin::view(target->local_address(peer.target, peer.session)));
  const int port = static_cast<int>(target->info(peer.target)->port);
  errno = 0;
  context_ = local.empty() ? redisAsyncConnect(peer.address.c_str(), port)
                           : redisAsyncConnectBind(peer.address.c_str(), port, local.c_str());
  const int error_number = errno;
  if (!context_) throw Failure{SQ_K_LOCAL_RESOURCE, "ENOMEM"};
  if (context_->err) {
    redisAsyncFree(std::exchange(context_, nullptr));
    throw connect_failure(error_number);
  }
  ::fcntl(context_->c.fd, F_SETFD, FD_CLOEXEC);  // programs that the plugin `job` starts have no use for it

  context_->data = context_->ev.data = this;
  context_->ev.addRead = [](void* self) { static_cast<Client*>(self)->want(static_cast<Client*>(self)->wanted_ | SQ_FD_READ); };
  context_->ev.delRead = [](void* self) { static_cast<Client*>(self)->want(static_cast<Client*>(self)->wanted_ & ~SQ_FD_READ); };
  context_->ev.addWrite = [](void* self) { static_cast<Client*>(self)->want(static_cast<Client*>(self)->wanted_ | SQ_FD_WRITE); };
  context_->ev.delWrite = [](void* self) { static_cast<Client*>(self)->want(static_cast<Client*>(self)->wanted_ & ~SQ_FD_WRITE); };
  context_->ev.cleanup = [](void* self) {  // before the library closes the descriptor and frees the context
    auto& client = *static_cast<Client*>(self);
    client.note_failure();
    client.watch_.reset();
    client.context_ = nullptr;
  };
  redisAsyncSetConnectCallback(context_, [](const redisAsyncContext* context, int status) {  // asks for addWrite
    Client& client = of(context);
    client.is_connected_ = status == REDIS_OK;
    if (status != REDIS_OK) client.failure_ = connect_failure(errno);
  });
  if (!watch_) {
    redisAsyncFree(context_);
    throw Failure{SQ_K_OFF_LIST, "the host does not watch this connection"};
  }
}

Client::~Client() {
  if (context_) redisAsyncFree(context_);
}

void Client::want(uint32_t events) {
  if (events == wanted_) return;
  wanted_ = events;
  if (watch_) watch_.modify(events);
  else watch_ = squall::plugin::Watch(shard_, target_, context_->c.fd, events, on_ready, this);
}

void Client::on_ready(void* self, int, uint32_t events) noexcept {
  auto& client = *static_cast<Client*>(self);
  errno = 0;
  if (events & (SQ_FD_READ | SQ_FD_ERROR)) client.read();
  if (client.context_ && (events & SQ_FD_WRITE)) redisAsyncHandleWrite(client.context_);
  if (client.is_connected_ && client.context_ && !std::exchange(client.was_told_, true)) client.events_.on_connected();
  if (client.context_) return;
  const Failure why = client.failure_;
  client.events_.on_closed(why);  // last: it destroys the client
}

void Client::read() {
  if (is_connected_ && unanswered_ == 0 && speaks_unasked()) return give_up({SQ_K_PROTOCOL, "reply nobody asked for"});
  redisAsyncHandleRead(context_);
}

/// hiredis 0.14 takes a reply without a request for its own mistake and aborts the program; only an error, with which a
/// server turns somebody away, it expects.
bool Client::speaks_unasked() const {
  char first = 0;
  return ::recv(context_->c.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first != '-';
}

uint64_t Client::send(std::span<const char*> words, std::span<const size_t> sizes, void* request) {
  char* formatted = nullptr;
  const long long bytes = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), words.data(), sizes.data());
  if (bytes < 0) return 0;
  const int status =
      redisAsyncFormattedCommand(context_, reply_arrived, request, formatted, static_cast<size_t>(bytes));
  redisFreeCommand(formatted);
  if (status != REDIS_OK) return 0;
  ++unanswered_;
  return static_cast<uint64_t>(bytes);
}

void Client::reply_arrived(redisAsyncContext* context, void* reply, void* request) noexcept {
  Client& client = of(context);
  --client.unanswered_;
  if (!reply) client.note_failure();
  client.events_.on_reply(request, static_cast<const redisReply*>(reply), client.failure_);
  const redisReader& reader = *context->c.reader;
  if (reply && client.unanswered_ == 0 && reader.pos < reader.len && reader.buf[reader.pos] != '-')
    client.give_up({SQ_K_PROTOCOL, "reply nobody asked for"});
}

/// While the library frees its context: why?
void Client::note_failure() {
  if (failure_.kind != SQ_K_NONE) return;
  switch (context_->c.err) {
    case 0:
    case REDIS_ERR_EOF: failure_ = {SQ_K_CLOSED, "eof"}; break;
    case REDIS_ERR_IO: failure_ = {SQ_K_CLOSED, word_of(errno)}; break;
    case REDIS_ERR_PROTOCOL: failure_ = {SQ_K_PROTOCOL, "malformed reply"}; break;
    case REDIS_ERR_OOM: failure_ = {SQ_K_LOCAL_RESOURCE, "ENOMEM"}; break;
    default: failure_ = {SQ_K_CLOSED, "turned away"}; break;  // an error that nobody had asked for
  }
}

void Client::give_up(const Failure& why) {
  failure_ = why;
  redisAsyncFree(context_);  // inside a callback it waits for that to return
}
