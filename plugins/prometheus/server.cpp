#include "server.hpp"

#include <fcntl.h>
#include <signal.h>

#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <squall/plugin.hpp>

#include "request.hpp"

namespace squall::prometheus {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kIdleLimit{120};  // above any usual scrape interval
constexpr std::chrono::seconds kSendLimit{30};
constexpr uint32_t kHeaderLimit = 8 << 10;

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

/// Programs that squall starts must not keep the port.
void keep_from_children(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

/// Signals are for squall's own threads.
std::thread quiet_thread(std::function<void()> body) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

class Server::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {
    ++server_.connections_;
  }
  ~Connection() { --server_.connections_; }

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(0);
    stream_.expires_after(kIdleLimit);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (!error) self->answer();
                     });
  }

 private:
  using Response = http::response<http::span_body<const char>>;

  void answer() {
    const auto& request = parser_->get();
    const auto field = [&](http::field name) {
      const auto value = request[name];
      return std::string_view(value.data(), value.size());
    };
    const auto method = request.method_string(), target = request.target();
    const Answer answer = answer_to({{method.data(), method.size()},
                                     {target.data(), target.size()},
                                     field(http::field::host),
                                     field(http::field::accept)},
                                    server_.hosts_);
    page_ = answer.status == 200 ? server_.page_(answer.format)
                                 : Page{std::make_shared<const std::string>(answer.why)};
    response_ = Response(static_cast<http::status>(answer.status), request.version());
    response_.keep_alive(request.keep_alive());
    response_.set(http::field::content_type,
                  answer.status == 200 ? std::string(content_type(answer.format)) : "text/plain");
    response_.set(http::field::cache_control, "no-store");
    if (answer.status == 405) response_.set(http::field::allow, "GET, HEAD");
    response_.content_length(page_.text->size());
    const bool is_head = request.method() == http::verb::head;
    if (!is_head) response_.body() = {page_.text->data(), page_.text->size()};
    serializer_.emplace(response_);
    stream_.expires_after(kSendLimit);
    const bool is_whole_last = page_.is_last && !is_head && answer.status == 200;
    auto sent = [self = shared_from_this(), is_whole_last](error_code error, size_t) {
      self->page_ = {};
      if (error) return;
      if (is_whole_last) self->server_.end();
      if (self->response_.keep_alive()) return self->read();
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    };
    if (is_head)
      http::async_write_header(stream_, *serializer_, std::move(sent));
    else
      http::async_write(stream_, *serializer_, std::move(sent));
  }

  Server& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kHeaderLimit + 1024};
  std::optional<http::request_parser<http::empty_body>> parser_;
  Page page_;
  Response response_;
  std::optional<http::response_serializer<http::span_body<const char>>> serializer_;
};

Server::Server(const tcp::endpoint& listen, std::vector<std::string> hosts,
               std::function<Page(Format)> page)
    : hosts_(std::move(hosts)), page_(std::move(page)) {
  error_code error;
  const auto done = [&](const char* what) {
    if (error)
      throw plugin::Refusal(SQ_E_IO, "listen: cannot " + std::string(what) + " " + text_of(listen) +
                                         ": " + error.message());
  };
  acceptor_.open(listen.protocol(), error);
  done("open");
  keep_from_children(acceptor_.native_handle());
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  acceptor_.bind(listen, error);
  done("listen on");
  acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  done("listen on");
  endpoint_ = acceptor_.local_endpoint();
  accept();
  thread_ = quiet_thread([this] { io_.run(); });
}

Server::~Server() {
  io_.stop();
  thread_.join();
}

void Server::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error && connections_ < kMostConnections) {
      keep_from_children(socket.native_handle());
      std::make_shared<Connection>(*this, std::move(socket))->read();
    }
    if (!error) return accept();
    // Out of descriptors, say: not at full speed again.
    auto pause = std::make_shared<asio::steady_timer>(io_, std::chrono::milliseconds(100));
    pause->async_wait([this, pause](error_code) { accept(); });
  });
}

void Server::end_after(std::chrono::nanoseconds linger, std::function<void()> ended) {
  asio::post(io_, [this, linger, ended = std::move(ended)]() mutable {
    ended_ = std::move(ended);
    linger_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(linger));
    linger_.async_wait([this](error_code error) {
      if (!error) end();
    });
  });
}

void Server::end() {
  if (!ended_) return;
  linger_.cancel();
  std::exchange(ended_, nullptr)();
}

}  // namespace squall::prometheus
