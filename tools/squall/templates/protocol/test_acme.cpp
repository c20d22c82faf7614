// The plugin in process, on a host with a virtual clock: no sockets, no sleeps, the test is the server. What does not
// hold is a line on stderr, and the program ends with 1; so it does when the plugin breaks a rule of squall.
#include <cstdio>
#include <squall/testing/fake_host.hpp>

namespace {

using namespace squall::fake;

constexpr uint64_t kMillisecond = 1'000'000;

struct Bench {
  Host host;
  const sq_target* server = host.add_target("server", "tcp://127.0.0.1:7007");
  Protocol protocol{host, "acme"};
  Prepared request = protocol.prepare("request", protocol.bind("request").to(server).slot("text", 0));  // text: "${…}"
  Session user{protocol, 1};

  Call& ask(std::string_view text) {  // `text` lives until the call has ended
    Call& call = user.start(request, {squall::plugin::text_value(text)});
    host.run();
    return call;
  }
  /// From now on the server answers each line with "ok " and the line, `after_ns` later.
  void serve(uint64_t after_ns = 0) {
    host.serve = [this, after_ns](sq_stream& stream) {
      host.later([&stream, answer = "ok " + stream.take_sent()] { stream.feed(answer); }, after_ns);
    };
  }
};

void a_thousand_requests_use_one_connection() {
  Bench bench;
  bench.serve();
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "line " + std::to_string(i);
    Call& call = bench.ask(text);
    check_equal(call.ending(), "ok");
    check_equal(call.text("answer"), text);
    check_equal(call.bytes_out, text.size() + 1);
    check_equal(call.bytes_in, text.size() + 4);
    bench.user.release(call);
  }
  check_equal(bench.host.stream_count(), 1, "connections");
}

void the_time_is_that_of_the_answer() {
  Bench bench;
  bench.serve(20 * kMillisecond);
  Call& call = bench.ask("slow");
  check_equal(call.ending(), "running");
  bench.host.advance(20 * kMillisecond);
  check_equal(call.ending(), "ok");
  check_equal(call.end_ns - call.start_ns, 20 * kMillisecond);
}

void an_answer_may_come_in_pieces() {
  Bench bench;
  Call& call = bench.ask("hello");
  for (const char* piece : {"o", "k hel", "lo\n"}) {
    check_equal(call.ending(), "running");
    bench.host.stream(0).feed(piece);
    bench.host.run();
  }
  check_equal(call.ending(), "ok");
  check_equal(call.text("answer"), "hello");
}

void an_error_is_a_failure_that_keeps_the_connection() {
  Bench bench;
  Call& call = bench.ask("hello");
  bench.host.stream(0).feed("error no such word\n");
  bench.host.run();
  check_equal(call.ending(), "failed: status, error");
  check_equal(call.text("answer"), "no such word");
  check_equal(bench.host.open_streams(), 1);
}

void another_answer_is_no_answer() {
  Bench bench;
  Call& call = bench.ask("hello");
  bench.host.stream(0).feed("HTTP/1.1 400 Bad Request\r\n");
  bench.host.run();
  check_equal(call.ending(), "failed: protocol, neither ok nor error");
  check_equal(bench.host.open_streams(), 0);
}

void a_time_out_takes_the_connection_along() {
  Bench bench;
  bench.user.timeout_ns = 2000 * kMillisecond;
  Call& late = bench.ask("one");
  bench.host.advance(1999 * kMillisecond);
  check_equal(late.ending(), "running");
  bench.host.advance(1 * kMillisecond);
  check_equal(late.ending(), "timeout");
  bench.host.stream(0).feed("ok one\n");  // too late: it must not answer the next request
  bench.user.release(late);

  bench.serve();
  Call& next = bench.ask("two");
  check_equal(next.ending(), "ok");
  check_equal(next.text("answer"), "two");
  check_equal(bench.host.stream_count(), 2, "connections");
}

void a_server_that_closes_fails_the_request_that_it_owes() {
  Bench bench;
  Call& owed = bench.ask("one");
  bench.host.stream(0).finish();
  bench.host.run();
  check_equal(owed.ending(), "failed: closed, eof");
  bench.user.release(owed);

  bench.serve();
  Call& next = bench.ask("two");
  check_equal(next.ending(), "ok");
  bench.host.last_stream().reset();  // nobody waits for anything: no failure
  bench.user.release(next);
  bench.host.run();
  check_equal(bench.ask("three").ending(), "ok");
  check_equal(bench.host.stream_count(), 3, "connections");
}

void a_server_that_is_not_there_is_a_failed_connect() {
  Bench bench;
  bench.host.network.open = false;
  check_equal(bench.ask("hello").ending(), "failed: connect, refused");
}

void requests_of_one_session_wait_for_each_other() {
  Bench bench;
  Call& first = bench.ask("one");
  Call& second = bench.ask("two");
  Call& third = bench.ask("three");
  bench.user.cancel(second);
  bench.serve();
  bench.host.stream(0).feed("ok one\n");
  bench.host.run();
  bench.user.release(first);
  bench.host.run();
  check_equal(first.ending(), "ok");
  check_equal(second.ending(), "cancelled");
  check_equal(third.ending(), "ok");
  check_equal(bench.host.stream_count(), 1, "connections");
}

void a_step_without_a_text_is_refused() {
  Bench bench;
  check_equal(bench.protocol.refusal("request", bench.protocol.bind("request").to(bench.server)),
              "parameter text is missing");
}

}  // namespace

int main() {
  a_thousand_requests_use_one_connection();
  the_time_is_that_of_the_answer();
  an_answer_may_come_in_pieces();
  an_error_is_a_failure_that_keeps_the_connection();
  another_answer_is_no_answer();
  a_time_out_takes_the_connection_along();
  a_server_that_closes_fails_the_request_that_it_owes();
  a_server_that_is_not_there_is_a_failed_connect();
  requests_of_one_session_wait_for_each_other();
  a_step_without_a_text_is_refused();
  std::puts("done");
}
