"""examples/plugins/redis, hiredis on squall's loop: what it sends and counts is what a real redis-server has counted; calls
of one session do not wait for each other; and each way in which a connection can end has its name."""
import threading

from example import Redis, Server, connections, plugin_path, run_with, scenario_of, steps, why
from harness import Run, check, expect, expect_equal, figure, free_port, show, wait_until

COMMAND = "redis.command: { to: it, command: [ %s ], name: %s }"


def its_scenario_counts_what_redis_counts():
    server = Redis()
    before = server.info()
    run = run_with("redis", scenario_of("redis"), "--for", "2s", env={"REDIS": server.url})
    expect_equal(run.code, 0, f"exit code ({run.stderr()[-400:]})")
    ours, theirs = {name: run.one(name=name) for name in ("reserve", "put", "look")}, server.since(before)
    expect_equal({"decr": ours["reserve"]["count"], "rpush": ours["put"]["count"], "lrange": ours["look"]["count"]}, theirs["calls"], "commands")
    expect_equal(ours["reserve"]["count"], 100, "iterations of 50/s in 2 s")
    expect_equal(sum(s["sent_bytes"] for s in ours.values()), theirs["bytes_in"], "bytes that redis got")
    expect_equal(sum(s["received_bytes"] for s in ours.values()), theirs["bytes_out"], "bytes that redis sent")
    expect_equal(sum(s["failed"] for s in ours.values()), 0, "failed")
    expect_equal(connections(run)["opened"], theirs["connections"], "connections")
    expect_equal(sum(int(server.ask("GET", f"stock:{n}") or 0) for n in range(10) if server.ask("EXISTS", f"stock:{n}") == "1"), -100, "stock")
    figure(f"{sum(theirs['calls'].values())} commands, {theirs['bytes_in']} bytes there and {theirs['bytes_out']} back, equal on both sides")


def replies_of_every_kind():
    server = Redis()
    before = server.info()
    run = run_with("redis", steps(
        server.url, COMMAND % ('SET, "k${user.index}", "a b\\r\\n${user.index}"', "set") + "\n      expect: { type: status, text: OK }",
        COMMAND % ('GET, "k${user.index}"', "get") + '\n      expect: { type: string, text: "a b\\r\\n${user.index}" }',
        COMMAND % ("GET, none", "nil") + "\n      expect: { type: nil }",
        COMMAND % ("STRLEN, k0", "integer") + "\n      expect: { type: integer, integer: 6 }",
        COMMAND % ("EVAL, \"return {1, 'two', {3, {'four'}}, {}}\", 0", "array")
        + "\n      expect: { type: array, size: 4, item.0: 1, item.1: two, item.2.0: 3, item.2.1.0: four }",
        COMMAND % ("INCR, k0", "fails"), COMMAND % ("LPUSH, k0, x", "wrong type"), COMMAND % ("NOSUCH, 1.5, true", "unknown"),
        "redis.command: { to: it, command: [ INCR, k0 ], allow_error: true, name: allowed }\n"
        "      expect: { type: error, text: { contains: not an integer } }", iterations=10))
    failed = {s["name"]: why(run, s["name"]) for s in run.result["series"] if s["failed"]}
    expect_equal(failed, {"fails": {("status", "ERR"): 10}, "wrong type": {("status", "WRONGTYPE"): 10}, "unknown": {("status", "ERR"): 10}}, "failures")
    theirs = server.since(before)
    expect_equal(sum(s["sent_bytes"] for s in run.result["series"]), theirs["bytes_in"], "bytes that redis got")
    expect_equal(sum(s["received_bytes"] for s in run.result["series"]), theirs["bytes_out"], "bytes that redis sent")


class Resp(Server):
    """Reads requests and lets `answer(number, words)` say what goes back: bytes, or None to close."""

    def __init__(self, answer):
        super().__init__(self.talk)
        self.answer, self.count = answer, 0

    def talk(self, connection):
        file = connection.makefile("rb")
        while header := file.readline():
            words = [file.read(int(file.readline()[1:]) + 2)[:-2].decode() for _ in range(int(header[1:]))]
            with self.lock:
                self.count += 1
                number = self.count
            answer = self.answer(number, words)
            if answer is None:
                return
            connection.sendall(answer)


def calls_of_one_session_do_not_wait_for_each_other():
    """A server that answers only when eight requests have come: whoever waits for the first answer waits for ever."""
    held = []

    def answer(number, words):
        held.append(f"${len(words[1])}\r\n{words[1]}\r\n")
        if number % 8:
            return b""
        replies = "".join(held).encode()
        held.clear()
        return replies

    server = Resp(answer)
    run = run_with("redis", steps(server.url, COMMAND % ('ECHO, "${user.index}-${user.iteration}"', "echo")
                                  + '\n      expect: { text: "${user.index}-${user.iteration}" }', users=8, iterations=800, more=", sessions: 1"))
    echo = run.one(name="echo")
    expect_equal((echo["count"], echo["failed"], server.count, server.connections), (800, 0, 800, 1),
                 f"samples, failed, requests, connections ({why(run, 'echo')})")


def a_late_reply_is_nobodys():
    server = Redis()
    run = run_with("redis", steps(
        server.url, 'redis.command: { to: it, command: [ BLPOP, nothing, 0.3 ], timeout: 50ms, name: late }',
        COMMAND % ('ECHO, "${user.iteration}"', "next") + '\n      expect: { text: "${user.iteration}", time: { above: 100ms } }', iterations=5))
    expect_equal((why(run, "late"), run.one(name="next")["failed"]), ({("timeout", ""): 5}, 0), f"time-outs, failed ({why(run, 'next')})")
    expect_equal(connections(run), {"opened": 1, "reused": 9, "failed": 0, "closed_by_peer": 0}, "connections")


def a_connection_that_redis_ends_is_opened_again():
    server, ended = Redis(), []
    run = Run(steps(server.url, COMMAND % ("BLPOP, nothing, 0", "blocked"), COMMAND % ("PING", "next") + "\n      expect: { text: PONG }",
                    iterations=5), "--plugin-path", plugin_path("redis"), "--accept-invalid")

    def kill():
        for _ in range(5):
            wait_until(lambda: server.info()["fields"]["blocked_clients"] == "1", "a blocked client")
            ended.append(server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    run.wait()
    killer.join()
    expect_equal((ended, why(run, "blocked")), (["1"] * 5, {("closed", "eof"): 5}), "killed, and what became of the calls")
    expect_equal((run.one(name="next")["count"], run.one(name="next")["failed"]), (5, 0), "the next")
    expect_equal(connections(run), {"opened": 6, "reused": 4, "failed": 0, "closed_by_peer": 5}, "connections")


def greetings():
    server = Redis()
    server.ask("CONFIG", "SET", "requirepass", "s3cret")
    server.ask("AUTH", "s3cret")
    scenario = steps(server.url, COMMAND % ('SET, "key ${user.iteration}", 1', "set"), iterations=5)
    run = run_with("redis", scenario + "plugins: { redis: { password: s3cret, database: 3 } }\n")
    expect_equal((run.one(name="set")["failed"], server.ask("INFO", "keyspace").split()[2].split(",")[0]), (0, "db3:keys=5"), "with the password")
    run = run_with("redis", scenario + "plugins: { redis: { password: wrong } }\n")
    expect_equal((why(run, "set"), connections(run)["failed"]), ({("connect", "WRONGPASS"): 5}, 5), "with a wrong one")
    run = run_with("redis", scenario)
    expect_equal(why(run, "set"), {("status", "NOAUTH"): 5}, "with none")


def what_is_wrong_has_a_name():
    replies = {"rubbish": b"what?\r\n", "closed": None, "half": b"$10\r\nabc", "twice": b"+OK\r\n+again\r\n", "good": b"+OK\r\n",
               "full": b"-ERR max number of clients reached\r\n"}
    server = Resp(lambda _, words: replies[words[0]])
    kinds = {"rubbish": ("protocol", "malformed reply"), "closed": ("closed", "eof"), "half": ("timeout", ""), "full": ("status", "ERR")}
    lines = []
    for kind in ["rubbish", "closed", "twice", "full"]:
        lines += [COMMAND % (kind, kind), COMMAND % ("good", "after")]
    lines += ["redis.command: { to: it, command: [ half ], timeout: 50ms, name: half }"]
    run = run_with("redis", steps(server.url, *lines, iterations=1))
    for kind, reason in kinds.items():
        expect_equal(why(run, kind), {reason: 1}, kind)
    for name, count in (("after", 4), ("twice", 1)):
        expect_equal((run.one(name=name)["count"], run.one(name=name)["failed"]), (count, 0), f"{name} ({why(run, name)})")
    expect_equal((connections(run)["opened"], server.connections), (4, 4), "connections: a new one after rubbish, closed and twice")
    run = run_with("redis", steps(f"tcp://127.0.0.1:{free_port()}", COMMAND % ("PING", "ping"), iterations=3))
    expect_equal((why(run, "ping"), connections(run)["failed"]), ({("connect", "refused"): 3}, 3), "a closed port")


def mistakes_are_found_before_a_run():
    for target, line, wanted in (("tcp", "redis.command: { to: it, command: [ subscribe, x ] }", "changes what answers mean"),
                                 ("tcp", "redis.command: { to: it, command: [ CLIENT, REPLY, \"OFF\" ] }", "CLIENT REPLY"),
                                 ("tcp", "redis.command: { to: it, command: [ SET, a, [ 1 ] ] }", "neither text nor number"),
                                 ("tcp", "redis.command: { to: it, command: [] }", "command is empty"),
                                 ("tls", "redis.command: { to: it, command: [ PING ] }", "plain TCP")):
        code, text = check(steps(f"{target}://127.0.0.1:9", line), "--plugin-path", plugin_path("redis"))
        expect(code == 104 and wanted in text and ":5:" in text, f"{line}: {code} {text}")


show(its_scenario_counts_what_redis_counts, replies_of_every_kind, calls_of_one_session_do_not_wait_for_each_other, a_late_reply_is_nobodys,
     a_connection_that_redis_ends_is_opened_again, greetings, what_is_wrong_has_a_name, mistakes_are_found_before_a_run)
