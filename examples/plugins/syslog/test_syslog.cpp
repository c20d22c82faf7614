// The plugin in process, on a host with a virtual clock and no sockets. What does not hold is a line on stderr, and the
// program ends with 1; so it does when the plugin breaks a rule of squall.
#include <cerrno>
#include <cstdio>
#include <regex>
#include <squall/testing/fake_host.hpp>

namespace {

using namespace squall::fake;
using squall::plugin::int_value;
using squall::plugin::text_value;

constexpr uint64_t kMillisecond = 1'000'000;

struct Bench {
  Host host;
  const sq_target* server = host.add_target("server", "udp://127.0.0.1:514");
  Protocol protocol{host, "syslog"};
  Session user{protocol, 1};

  Bindings step() const { return protocol.bind("send").to(server).text("timestamp", "2003-10-11T22:14:15.003Z"); }
  Call& send(const Bindings& bindings, std::vector<sq_value> values = {}) {
    Call& call = user.start(protocol.prepare("send", bindings), std::move(values));
    host.run();
    return call;
  }
  std::string sent() { return host.dgram_count() && !host.dgram(0).sent.empty() ? host.dgram(0).sent.back() : "nothing"; }
  std::string refusal(const Bindings& bindings) { return protocol.refusal("send", bindings); }
};

/// { id: { name: value } } as a value; static, because values are views.
sq_value data(const char* id, const char* name, const sq_value& value) {
  static std::deque<sq_pair> pairs;
  sq_value inner = squall::plugin::make_value(SQ_T_MAP), outer = inner;
  inner.u.map.ptr = &pairs.emplace_back(sq_pair{str(name), value});
  inner.u.map.len = 1;
  outer.u.map.ptr = &pairs.emplace_back(sq_pair{str(id), inner});
  outer.u.map.len = 1;
  return outer;
}

void a_message_has_all_that_was_said() {  // example 3 of RFC 5424, 6.5
  Bench bench;
  Call& call = bench.send(bench.step().text("facility", "local4").text("severity", "notice").text("hostname", "mymachine.example.com")
                              .text("app_name", "evntslog").text("proc_id", "111").text("msg_id", "ID47")
                              .set("structured_data", data("exampleSDID@32473", "iut", int_value(3)))
                              .text("message", "An application event log entry...").truth("bom", true));
  const std::string wanted = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 111 ID47 "
                             "[exampleSDID@32473 iut=\"3\"] \xEF\xBB\xBF" "An application event log entry...";
  check_equal(call.ending(), "ok");
  check_equal(bench.sent(), wanted);
  check_equal(call.bytes_out, wanted.size());
  check_equal(call.number("size"), wanted.size());
}

void what_is_not_said_has_defaults() {
  Bench bench;
  check_equal(bench.send(bench.protocol.bind("send").to(bench.server)).ending(), "ok");
  const std::regex wanted(R"(<14>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z - squall - - -)");
  check(std::regex_match(bench.sent(), wanted), bench.sent());
}

void the_priority_is_eight_times_the_facility_and_the_severity() {
  Bench bench;
  bench.send(bench.step().text("facility", "kern").text("severity", "emerg"));
  check_equal(bench.sent().substr(0, 5), "<0>1 ");
  bench.send(bench.step().text("facility", "local7").text("severity", "debug"));
  check_equal(bench.sent().substr(0, 7), "<191>1 ");
}

void values_are_escaped_in_structured_data() {
  Bench bench;
  bench.send(bench.step().set("structured_data", data("a", "b", text_value("q\" b\\ e] \n"))));
  check_equal(bench.sent(), "<14>1 2003-10-11T22:14:15.003Z - squall - - [a b=\"q\\\" b\\\\ e\\] \n\"]");
}

void a_user_has_one_socket() {
  Bench bench;
  const Prepared step = bench.protocol.prepare("send", bench.step().slot("message", 0));
  for (int i = 0; i < 1000; ++i) {
    const std::string text = std::to_string(i);
    Call& call = bench.user.start(step, {text_value(text)});
    bench.host.run();
    check_equal(call.ending(), "ok");
    check_equal(bench.sent(), "<14>1 2003-10-11T22:14:15.003Z - squall - - - " + text);
    bench.user.release(call);
  }
  check_equal(bench.host.dgram_count(), 1, "sockets");
  check_equal(bench.server->noted[SQ_CN_REUSED], 999);
}

void another_target_has_another_socket() {
  Bench bench;
  const sq_target* other = bench.host.add_target("other", "udp://127.0.0.1:515");
  bench.send(bench.step());
  bench.send(bench.protocol.bind("send").to(other));
  check_equal(bench.host.dgram_count(), 2, "sockets");
}

void fixed_values_that_cannot_be_sent_are_refused() {
  Bench bench;
  check_equal(bench.refusal(bench.protocol.bind("send")), "needs a target: to");
  const sq_target* web = bench.host.add_target("web", "http://127.0.0.1:80");
  check_equal(bench.refusal(bench.protocol.bind("send").to(web)), "needs a target of udp://");
  check_equal(bench.refusal(bench.step().text("facility", "local9")), "facility is none of the 24");
  check_equal(bench.refusal(bench.step().text("severity", "bad")), "severity is none of the 8");
  check_equal(bench.refusal(bench.step().text("hostname", "a b")), "hostname is not 1 to 255 printable ASCII characters");
  check_equal(bench.refusal(bench.step().text("hostname", std::string(256, 'a'))),
              "hostname is not 1 to 255 printable ASCII characters");
  check_equal(bench.refusal(bench.step().text("app_name", "é")), "app_name is not 1 to 48 printable ASCII characters");
  check_equal(bench.refusal(bench.step().text("proc_id", "")), "proc_id is not 1 to 128 printable ASCII characters");
  check_equal(bench.refusal(bench.step().text("msg_id", std::string(33, 'a'))), "msg_id is not 1 to 32 printable ASCII characters");
  check_equal(bench.refusal(bench.step().set("structured_data", data("a=b", "c", int_value(1)))),
              "structured_data: an SD-ID has 1 to 32 printable characters, no = ] \" or blank");
  check_equal(bench.refusal(bench.step().set("structured_data", data("a", "c d", int_value(1)))),
              "structured_data: a name has 1 to 32 printable characters, no = ] \" or blank");
  check_equal(bench.refusal(bench.step().set("structured_data", data("a", "b", data("c", "d", int_value(1))))),
              "structured_data: a value is a text or a number");
  check_equal(bench.refusal(bench.step().map("structured_data", {{"a", "b"}})), "structured_data: an element is a map of values");
}

void timestamps_have_the_form_of_rfc_5424() {
  Bench bench;
  const auto refused = [&](const char* text) { return bench.refusal(bench.protocol.bind("send").to(bench.server).text("timestamp", text)); };
  for (const char* good : {"now", "-", "1985-04-12T23:20:50.52Z", "1985-04-12T19:20:50-04:00", "2003-08-24T05:14:15.000003-07:00"})
    check_equal(refused(good), "", good);
  for (const char* bad : {"", "1985-04-12 23:20:50Z", "1985-04-12T23:20:50", "2003-08-24T05:14:15.000000003-07:00", "1985-04-12T23:20:50.Z",
                          "1985-04-12T23:20:50Z "})
    check_equal(refused(bad), "timestamp is not now, - or as in RFC 3339", bad);
}

void rendered_values_that_cannot_be_sent_fail_the_call() {
  Bench bench;
  check_equal(bench.send(bench.step().slot("hostname", 0), {text_value("a b")}).ending(),
              "failed: check, hostname is not 1 to 255 printable ASCII characters");
  check_equal(bench.send(bench.step().slot("severity", 0), {text_value("loud")}).ending(), "failed: check, severity is none of the 8");
  check_equal(bench.host.dgram_count(), 0, "sockets");
}

void what_cannot_go_out_fails() {
  Bench bench;
  check_equal(bench.send(bench.step().text("message", std::string(65507, 'a'))).ending(), "failed: limit, larger than a datagram");
  bench.host.dgram(0).send_limit = SQ_E_IO;
  Call& call = bench.send(bench.step());
  check_equal(call.ending(), "failed: send, not sent");
  check_equal(call.bytes_out, 0);
}

void messages_wait_for_the_targets_address() {
  Bench bench;
  bench.host.network.resolve_ns = 20 * kMillisecond;
  Call& first = bench.send(bench.step().text("message", "one"));
  Call& second = bench.send(bench.step().text("message", "two"));
  bench.host.advance(19 * kMillisecond);
  check_equal(first.ending(), "running");
  bench.host.advance(kMillisecond);
  for (const Call* call : {&first, &second}) check_equal(call->ending(), "ok");
  check_equal(bench.host.dgram(0).sent.size(), 2);
  check_equal(bench.host.dgram(0).sent.front(), "<14>1 2003-10-11T22:14:15.003Z - squall - - - one");
}

void a_message_that_waits_too_long_is_a_time_out() {
  Bench bench;
  bench.host.network.resolve_ns = 1000 * kMillisecond;
  bench.user.timeout_ns = 100 * kMillisecond;
  Call& late = bench.send(bench.step());
  bench.user.timeout_ns = 0;
  Call& other = bench.send(bench.step());
  bench.host.advance(100 * kMillisecond);
  check_equal(late.ending(), "timeout");
  bench.user.cancel(other);
  bench.host.run();
  check_equal(other.ending(), "cancelled");
}

void a_full_kernel_is_a_local_resource() {
  Bench bench;
  bench.send(bench.step());
  bench.host.dgram(0).send_limit = 0;
  check_equal(bench.send(bench.step()).ending(), "failed: local_resource, the socket's buffer is full");
}

void a_name_without_an_address_is_asked_for_again() {
  Bench bench;
  bench.host.network.open = false;
  bench.host.network.kind = SQ_K_RESOLVE;
  check_equal(bench.send(bench.step()).ending(), "failed: resolve, no address");
  bench.host.network.open = true;
  check_equal(bench.send(bench.step()).ending(), "ok");
  check_equal(bench.host.dgram_count(), 2, "sockets");
}

void a_socket_that_the_host_refuses_fails_the_call() {
  Bench bench;
  bench.host.network.refuse_now = SQ_E_LIMIT;
  check_equal(bench.send(bench.step()).ending(), "failed: connect, no socket from the host");
  bench.host.network.refuse_now = SQ_OK;
  check_equal(bench.send(bench.step()).ending(), "ok");
}

void what_icmp_says_fails_the_next_call() {
  Bench bench;
  Call& lost = bench.send(bench.step());
  bench.host.dgram(0).error(ECONNREFUSED);
  bench.host.run();
  check_equal(lost.ending(), "ok");
  check_equal(bench.send(bench.step()).ending(), "failed: receive, ICMP: an earlier message did not arrive");
  check_equal(bench.send(bench.step()).ending(), "ok");
  check_equal(bench.host.dgram(0).sent.size(), 3);
}

}  // namespace

int main() {
  a_message_has_all_that_was_said();
  what_is_not_said_has_defaults();
  the_priority_is_eight_times_the_facility_and_the_severity();
  values_are_escaped_in_structured_data();
  a_user_has_one_socket();
  another_target_has_another_socket();
  fixed_values_that_cannot_be_sent_are_refused();
  timestamps_have_the_form_of_rfc_5424();
  rendered_values_that_cannot_be_sent_fail_the_call();
  what_cannot_go_out_fails();
  messages_wait_for_the_targets_address();
  a_message_that_waits_too_long_is_a_time_out();
  a_full_kernel_is_a_local_resource();
  a_name_without_an_address_is_asked_for_again();
  a_socket_that_the_host_refuses_fails_the_call();
  what_icmp_says_fails_the_next_call();
  std::puts("done");
}
