"""examples/plugins/rust-memcached, a protocol in Rust: what it sends and counts is what memcached has counted, and each way
in which a server can be wrong has its name."""
from example import Memcached, Server, built, command, connections, plugin_path, run_with, scenario_of, steps, why
from harness import check, expect, expect_equal, figure, free_port, show

GET = "memcached.get: { to: it, key: %s, timeout: %s, name: %s }"


def its_own_tests_pass_and_it_exports_its_entry_alone():
    folder = built("memcached")
    text = command("ctest", "--test-dir", folder, "--verbose")
    expect("test result: ok" in text and " 0 passed" not in text, text)
    symbols = command("nm", "-D", "--defined-only", f"{folder}/plugins/libmemcached.so").split("\n")
    expect_equal([line.split()[-1] for line in symbols if line], ["squall_plugin_entry_v1"], "exported symbols")


def its_scenario_counts_what_memcached_counts():
    server = Memcached()
    before = server.stats()
    run = run_with("memcached", scenario_of("memcached"), "--for", "2s", env={"MEMCACHED": server.url})
    expect_equal(run.code, 0, f"exit code ({run.stderr()[-400:]})")
    read, fill, theirs = run.one(name="read"), run.one(name="fill"), server.since(before)
    expect_equal((read["count"], fill["count"]), (theirs["cmd_get"], theirs["cmd_set"]), "reads and fills")
    expect_equal(fill["count"], theirs["get_misses"], "a fill after each miss")
    expect(theirs["get_hits"] > 20 and theirs["get_misses"] > 20, f"hits and misses: {theirs}")
    expect_equal(read["sent_bytes"] + fill["sent_bytes"], theirs["bytes_read"], "bytes that memcached read")
    expect_equal(read["received_bytes"] + fill["received_bytes"], theirs["bytes_written"], "bytes that it wrote")
    expect_equal(read["failed"] + fill["failed"], 0, "failed")
    expect_equal((connections(run)["opened"], theirs["total_connections"]), (10, 10), "connections of 10 users")
    figure(f"{theirs['cmd_get']} reads, {theirs['cmd_set']} fills, {theirs['bytes_read']} bytes there and "
           f"{theirs['bytes_written']} back, equal on both sides")


def what_is_kept_comes_back():
    """Large and empty values, numbers, what expires; all users share one connection and get their own answers."""
    server = Memcached()
    before = server.stats()
    body = "x" * 100_000
    run = run_with("memcached", steps(
        server.url,
        f"memcached.set: {{ to: it, key: \"${{user.index}}\", value: \"${{user.index}}-{body}\", flags: 4294967295, expires: 20d }}",
        "memcached.get: { to: it, key: \"${user.index}\" }\n"
        "      expect: { size: { above: 100kB }, flags: 4294967295, value: { regex: '^(\\d+)-x', equals: \"${user.index}\" } }",
        "memcached.set: { to: it, key: empty, value: \"\" }",
        "memcached.get: { to: it, key: empty }\n      expect: { found: true, size: 0B, value: \"\" }",
        "memcached.get: { to: it, key: none }\n      expect: { found: false }",
        users=4, iterations=40, more=", sessions: 1"))
    failures = [(s["name"], s.get("error_details")) for s in run.result["series"] if s["failed"]]
    expect_equal((run.code, failures), (0, []), "failures")
    theirs = server.since(before)
    expect_equal((theirs["cmd_get"], theirs["cmd_set"], theirs["total_connections"]), (120, 80, 1), f"gets, sets, connections ({connections(run)})")
    expect_equal(sum(s["received_bytes"] for s in run.result["series"]), theirs["bytes_written"], "bytes that memcached wrote")


def what_is_wrong_has_a_name():
    late = []

    def serve(connection):
        file = connection.makefile("rb")
        for line in file:
            key = line.split()[1].decode()
            if key == "silent":
                late.append(connection.recv(1))   # nothing, until squall has given the connection up
                return
            answer = {"refuse": b"SERVER_ERROR out of memory storing object\r\n", "half": b"VALUE half 0 10\r\nabc", "closed": b"",
                      "rubbish": b"what?\r\n", "long": b"VALUE long 0 1\r\nabc\r\nEND\r\n", "line": b"x" * 3000,
                      "twice": b"END\r\nEND\r\n", "good": b"VALUE good 5 4\r\ngood\r\nEND\r\n"}[key]
            connection.sendall(answer)
            if key in ("half", "closed"):
                return

    server = Server(serve)
    kinds = {"refuse": ("status", "SERVER_ERROR out of memory storing object"), "half": ("closed", "eof"), "closed": ("closed", "eof"),
             "rubbish": ("protocol", "unknown answer"), "long": ("protocol", "value without its end"), "line": ("protocol", "line too long"),
             "silent": ("timeout", "")}
    lines = []
    for kind in [*kinds, "twice"]:
        lines += [GET % (kind, "100ms" if kind == "silent" else "20s", kind), GET % ("good", "20s", "after") + "\n      expect: { value: good }"]
    run = run_with("memcached", steps(server.url, *lines, iterations=5))
    for kind, reason in kinds.items():
        expect_equal(why(run, kind), {reason: 5}, kind)
    for name, count in (("after", 40), ("twice", 5)):
        expect_equal((run.one(name=name)["count"], run.one(name=name)["failed"]), (count, 0), name)
    expect_equal(late, [b""] * 5, "what came on a connection whose question had timed out")
    expect_equal((connections(run)["opened"], server.connections), (1 + 5 * 7,) * 2, "connections: a new one after all but `refuse`")


def nobody_there_and_keys_that_cannot_be():
    run = run_with("memcached", steps(f"tcp://127.0.0.1:{free_port()}", GET % ("a", "20s", "get"),
                                      GET % ('"a ${user.index}"', "20s", "blank"), iterations=3))
    expect_equal(why(run, "get"), {("connect", "refused"): 3}, "a closed port")
    expect_equal(why(run, "blank"), {("protocol", "key is not 1 to 250 characters without blanks"): 3}, "a key with a blank")


def mistakes_are_found_before_a_run():
    for line, wanted in (("memcached.get: { to: it, key: \"a b\" }", "key is not 1 to 250 characters"),
                         ("memcached.set: { to: it, key: a, value: b, expires: 31d }", "expires is not between 0s and 30d"),
                         ("memcached.set: { to: it, key: a, value: b, flags: -1 }", "flags is not a number of 32 bits"),
                         ("memcached.set: { to: it, key: a }", "value")):
        code, text = check(steps("tcp://127.0.0.1:9", line), "--plugin-path", plugin_path("memcached"))
        expect(code == 104 and wanted in text and ":5:" in text, f"{line}: {code} {text}")


show(its_own_tests_pass_and_it_exports_its_entry_alone, its_scenario_counts_what_memcached_counts, what_is_kept_comes_back,
     what_is_wrong_has_a_name, nobody_there_and_keys_that_cannot_be, mistakes_are_found_before_a_run)
