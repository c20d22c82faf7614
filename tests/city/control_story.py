"""Misbehaviour on request: stalls, delays, errors, early closes; and the reset."""
import http.client
import unittest

from city_process import DEADLINE_S, Story

S = 1_000_000_000


class ControlStory(Story):
    def ask(self, path, count=1):
        """GETs on one connection at a time, reopened when the city closed it; the statuses."""
        statuses = []
        connection = http.client.HTTPConnection("127.0.0.1", self.city.http, timeout=DEADLINE_S)
        for _ in range(count):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    def test_a_stall_holds_answers_to_its_end(self):
        stall = self.city.post("/stall", for_s=1)["stall"]
        self.ask("/page/frozen")
        line, = self.city.journal()
        begin, end = stall["begin_ns"], stall["begin_ns"] + S
        self.assertGreater(line["t_receive_ns"], begin)
        if line["t_receive_ns"] < end:  # else this machine was frozen itself
            self.assertGreaterEqual(line["t_reply_ns"], end)

    def test_repeated_stalls_follow_their_schedule(self):
        stall = self.city.post("/stall", every_s=0.2, for_s=0.1, times=4)["stall"]
        seen, last = 0, stall["begin_ns"] + 3 * S // 5
        while seen < last:
            self.ask("/", 5)
            seen = self.city.journal()[-1]["t_reply_ns"]
        held = 0
        for line in self.city.journal():
            index, inside = divmod(line["t_receive_ns"] - stall["begin_ns"], S // 5)
            if 0 <= index < 4 and 0 <= inside < S // 10:
                held += 1
                self.assertGreaterEqual(line["t_reply_ns"], line["t_receive_ns"] - inside + S // 10)
        self.assertGreater(held, 0)

    def test_a_stall_can_be_ended_and_counters_answer_during_one(self):
        self.city.post("/stall", for_s=3600)
        self.assertEqual(self.city.counters()["http"]["requests"], 0)
        connection = http.client.HTTPConnection("127.0.0.1", self.city.http, timeout=DEADLINE_S)
        connection.request("GET", "/")  # waits in the city
        self.city.counters_when(lambda c: c["http"]["requests"] == 1)
        self.city.post("/stall")
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_a_stall_freezes_tcp_and_the_udp_echo(self):
        stall = self.city.post("/stall", for_s=1)["stall"]
        with self.city.connect("tcp") as connection:
            connection.sendall(b"x\n")
            self.assertEqual(connection.recv(10), b"x\n")
        self.assertGreaterEqual(self.city.counters()["clock_ns"], stall["begin_ns"] + S)

    def test_errors_are_an_exact_share(self):
        self.city.post("/errors", rate=0.05, status=503)
        statuses = self.ask("/", 200)
        self.assertEqual(statuses.count(503), 10)
        counts = self.city.counters()["http"]
        self.assertEqual((counts["injected_errors"], counts["statuses"]), (10, {"200": 190, "503": 10}))
        self.city.post("/errors", rate=1, status=429)
        self.assertEqual(self.ask("/", 3), [429] * 3)
        self.city.post("/calm")
        self.assertEqual(self.ask("/", 3), [200] * 3)

    def test_delays_and_a_slow_share(self):
        self.city.post("/delay", ms=2, slow_ms=50, slow_rate=0.1)
        self.ask("/", 20)
        waits = [line["t_reply_ns"] - line["t_receive_ns"] for line in self.city.journal()]
        self.assertTrue(all(wait >= 2_000_000 for wait in waits))
        self.assertGreaterEqual(sum(wait >= 50_000_000 for wait in waits), 2)

    def test_connections_close_after_so_many_answers(self):
        for announce in (True, False):
            for after in (1, 7):
                self.city.post("/reset")
                self.city.post("/close", after=after, announce=announce)
                with self.city.connect("http") as connection:
                    received = b""
                    for _ in range(after):
                        connection.sendall(b"GET / HTTP/1.1\r\nHost: c\r\n\r\n")
                        received += connection.recv(4096)
                    self.assertEqual(connection.recv(10), b"")
                self.assertEqual(received.count(b"HTTP/1.1 200 "), after)
                self.assertEqual(received.count(b"Connection: close"), int(announce))
                self.assertEqual(self.city.counters()["http"]["requests"], after)

    def test_reset_forgets_all_but_open_connections(self):
        with self.city.connect("http") as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: c\r\n\r\n")
            connection.recv(4096)
            self.city.post("/reset")
            counts = self.city.counters()["http"]
            self.assertEqual((counts["requests"], counts["open"], counts["by_class"]), (0, 1, {}))
        counts = self.city.counters_when(lambda c: c["http"]["open"] == 0)["http"]
        self.assertEqual(counts["open"], 0)

    def test_mistakes_are_named_and_change_nothing(self):
        before = self.city.control("GET", "/behaviour")
        for path, wishes, why in (("/stall", {"every_s": 1, "for_s": 1}, "for_s must be less than every_s"),
                                  ("/errors", {"rate": 2}, "rate needs a number from 0 to 1"),
                                  ("/errors", {"status": 200}, "status needs a number from 400 to 599"),
                                  ("/delay", {"msec": 2}, "unknown word 'msec'"),
                                  ("/close", {"announce": 1}, "announce needs true or false"),
                                  ("/delay", [1], "the body is not a JSON object")):
            self.assertEqual(self.city.control("POST", path, wishes), (400, {"error": why}))
        self.assertEqual(self.city.control("POST", "/nowhere", {})[0], 404)
        self.assertEqual(self.city.control("GET", "/behaviour"), before)


if __name__ == "__main__":
    unittest.main()
