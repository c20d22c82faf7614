"""examples/plugins/nmea, a protocol in C: what it sends and counts is what a server of the test has seen, and each way
in which a talker can be wrong has its name."""
import select
from collections import Counter

from example import Nmea, connections, plugin_path, run_with, scenario_of, steps, why
from harness import check, expect, expect_equal, figure, free_port, show

ASK = "nmea.send: { to: it, sentence: EIGPQ, fields: [ %s ], answer: any, timeout: %s, name: %s }"


def its_scenario_counts_what_the_server_counts():
    server = Nmea()
    run = run_with("nmea", scenario_of("nmea"), "--for", "2s", env={"NMEA": server.url})
    expect_equal(run.code, 0, f"exit code ({run.stderr()[-400:]})")
    series = {name: run.one(name=name) for name in ("heading", "position", "waypoint")}
    names = Counter(line.split(",")[0] for line in server.lines)
    ours = {"IIHDT": series["heading"]["count"], "EIGPQ": series["position"]["count"], "IIWPL": series["waypoint"]["count"]}
    expect_equal(dict(names), ours, "sentences with a right checksum")
    expect(ours["EIGPQ"] >= 45, f"only {ours['EIGPQ']} questions of 5 users in 2 s")
    expect_equal({line for line in server.lines if line.startswith("IIWPL")}, {"IIWPL,4807.038,N,01131.000,E,WPT1"}, "what was captured")
    expect_equal(sum(s["sent_bytes"] for s in series.values()), server.bytes_in, "bytes that the server got")
    expect_equal(series["position"]["received_bytes"], server.bytes_out, "bytes that the server sent")
    expect_equal(sum(s["failed"] for s in series.values()), 0, "failed")
    expect_equal(connections(run), {"opened": 5, "reused": len(server.lines) - 5, "failed": 0, "closed_by_peer": 0}, "connections")
    expect_equal(server.connections, 5, "the server's connections")
    figure(f"{len(server.lines)} sentences, {server.bytes_in} bytes there and {server.bytes_out} back, equal on both sides")


def what_is_wrong_has_a_name():
    late = []

    def answer(connection, fields):
        kind = fields[1] if len(fields) > 1 else ""
        if kind == "SUM":
            return [b"$GPGGA,1,2*00\r\n"]
        if kind == "PLAIN":
            return [b"$GPGGA,1,2\r\n"]
        if kind == "TEXT":
            return [b"hello\r\n"]
        if kind == "LONG":
            return [b"$" + b"x" * 2000]
        if kind == "BYE":
            return None
        if kind == "HUSH":
            late.append(connection.recv(1))   # nothing, until squall has given the connection up
            return None
        return [Nmea.line("GPGGA," + kind)]

    server = Nmea(answer)
    kinds = {"SUM": ("protocol", "wrong checksum"), "PLAIN": ("protocol", "no checksum"), "TEXT": ("protocol", "no sentence"),
             "LONG": ("limit", "line too long"), "BYE": ("closed", "eof"), "HUSH": ("timeout", "")}
    lines = [ASK % (kind, "100ms" if kind == "HUSH" else "20s", kind) for kind in kinds]
    lines = [line for wrong in lines for line in (wrong, ASK % ("OK", "20s", "after") + "\n      expect: { field.1: OK }")]
    run = run_with("nmea", steps(server.url, *lines, iterations=5))
    for kind, reason in kinds.items():
        expect_equal(why(run, kind), {reason: 5}, kind)
    expect_equal((run.one(name="after")["count"], run.one(name="after")["failed"]), (30, 0), "what came after each")
    expect_equal(late, [b""] * 5, "what came on a connection whose question had timed out")
    expect_equal(connections(run)["opened"], server.connections, "connections")
    expect_equal(server.connections, 1 + 5 * 3, "connections: a new one after LONG, BYE and HUSH")


def calls_of_a_shared_session_take_turns():
    """Whoever shares a connection gets its own answer, and no question goes out before the last is answered."""
    early = []

    def answer(connection, fields):
        if select.select([connection], [], [], 0.002)[0]:
            early.append(fields)
        return [Nmea.line("GPTXT,noise"), Nmea.line(f"GPECH,{fields[1]}")]

    server = Nmea(answer)
    run = run_with("nmea", steps(server.url, "nmea.send: { to: it, sentence: EIGPQ, fields: [ \"${user.index}-${user.iteration}\" ], answer: GPECH }\n"
                                 "      expect: { field.1: \"${user.index}-${user.iteration}\" }",
                                 users=8, iterations=400, more=", sessions: 1"))
    one = run.result["series"][0]
    expect_equal((one["count"], one["failed"]), (400, 0), f"answers ({one.get('error_details')})")
    expect_equal((len(server.lines), len(set(server.lines)), server.connections), (400, 400, 1), "lines, different ones, connections")
    expect_equal(early, [], "questions before the answer to the last")


def nobody_there():
    run = run_with("nmea", steps(f"tcp://127.0.0.1:{free_port()}", "nmea.send: { to: it, sentence: IIHDT, name: send }", iterations=3))
    expect_equal(why(run, "send"), {("connect", "refused"): 3}, "a closed port")


def mistakes_are_found_before_a_run():
    for line, wanted in (("nmea.send: { to: it, sentence: gprmc }", "sentence is not a talker and type"),
                         ("nmea.send: { to: it, sentence: GPRMC, fields: [ \"a*b\" ] }", "a field has one of"),
                         ("nmea.send: { to: it, sentence: GPRMC, fields: [ [ 1 ] ] }", "a field is neither text nor number"),
                         ("nmea.send: { to: it, sentence: GPRMC, answer: \"a b\" }", "answer is not a talker and type"),
                         ("nmea.send: { to: it }", "sentence")):
        code, text = check(steps("tcp://127.0.0.1:9", line), "--plugin-path", plugin_path("nmea"))
        expect(code == 104 and wanted in text and ":5:" in text, f"{line}: {code} {text}")


show(its_scenario_counts_what_the_server_counts, what_is_wrong_has_a_name, calls_of_a_shared_session_take_turns, nobody_there,
     mistakes_are_found_before_a_run)
