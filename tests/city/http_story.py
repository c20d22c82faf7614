"""What the HTTP port answers and counts, seen by a client that counts for itself."""
import base64
import gzip
import http.client
import json
import os
import re
import resource
import socket
import unittest
from urllib.parse import urljoin

from city_process import DEADLINE_S, Story, filler, receive_exactly
from xxh64 import xxh64


class HttpStory(Story):
    def setUp(self):
        super().setUp()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.city.http, timeout=DEADLINE_S)
        self.addCleanup(self.connection.close)

    def ask(self, method, path, body=None, **headers):
        self.connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = self.connection.getresponse()
        answer.content = answer.read()
        return answer

    def counts(self):
        return self.city.counters()["http"]

    def test_bodies_are_what_the_path_says(self):
        for size in (0, 1, 26, 16384, 16385, 3_000_000):
            self.assertEqual(self.ask("GET", f"/bytes/{size}").content, filler(size))
            self.assertEqual(self.ask("GET", f"/chunked/{size}").content, filler(size))
            answer = self.ask("GET", f"/gzip/{size}")
            self.assertEqual(answer.getheader("Content-Encoding"), "gzip")
            self.assertEqual(gzip.decompress(answer.content), filler(size))
        self.assertEqual(self.ask("GET", "/chunked/1000?chunk=7").content, filler(1000))
        self.assertEqual(self.ask("GET", "/slow-body/20").content, filler(1000))
        self.assertEqual(len(self.ask("GET", "/api/stops").content), 4000)
        self.assertIn(b"<h1>City</h1>", self.ask("GET", "/").content)
        counts = self.counts()
        self.assertEqual(counts["connections"], 1)
        self.assertEqual(counts["requests"], 18 + 4)
        self.assertEqual(counts["statuses"], {"200": 22})
        self.assertEqual(counts["by_class"]["bytes"]["response_bytes"], 0 + 1 + 26 + 16384 + 16385 + 3_000_000)

    def test_a_site_s_page_names_what_there_is(self):
        text = self.ask("GET", "/site/page/7").content.decode()
        named = [urljoin("/site/page/7", name) for name in re.findall(r'(?:href|src)="([^"]+)"', text)]
        self.assertEqual([name.split("/")[2] for name in named], ["css"] * 2 + ["js"] * 2 + ["img"] * 6)
        sizes = {"css": 12_000, "js": 30_000, "img": 5_000}
        for name in named:
            self.assertEqual(self.ask("GET", name).content, filler(sizes[name.split("/")[2]]))
        self.assertNotEqual(self.ask("GET", "/site/page/8").content.decode(), text)
        self.assertEqual(self.ask("GET", "/site/fonts/1").status, 404)
        self.assertEqual(self.ask("GET", "/site/page/x").status, 400)

    def test_head_has_the_headers_and_no_body(self):
        answer = self.ask("HEAD", "/bytes/500")
        self.assertEqual((answer.getheader("Content-Length"), answer.content), ("500", b""))
        self.assertEqual(self.ask("HEAD", "/chunked/500").content, b"")
        self.assertEqual(self.ask("GET", "/").status, 200)  # the connection is still in step

    def test_statuses_and_methods(self):
        for status in (200, 204, 304, 404, 418, 503, 599):
            self.assertEqual(self.ask("GET", f"/status/{status}").status, status)
        for path in ("/status/99", "/status/600", "/status/x", "/bytes/-1", "/bytes/", "/delay/x"):
            self.assertEqual(self.ask("GET", path).status, 400, path)
        self.assertEqual(self.ask("GET", "/nowhere").status, 404)
        self.assertEqual(self.ask("POST", "/bytes/1").status, 405)
        self.assertEqual(self.ask("GET", "/taps").status, 405)
        counts = self.counts()
        self.assertEqual(counts["requests"], sum(counts["statuses"].values()))
        self.assertEqual(counts["statuses"]["400"], 6)
        self.assertEqual(counts["by_class"]["status"]["failed"], 4 + 3)

    def test_numbered_answers(self):
        answers = [self.ask("GET", "/numbered") for _ in range(3)]
        self.assertEqual([answer.getheader("X-Number") for answer in answers], ["1", "2", "3"])
        self.assertEqual({answer.content for answer in answers}, {self.ask("GET", "/").content})

    def test_every_nth_fails(self):
        statuses = [self.ask("GET", "/error-every/3").status for _ in range(10)]
        self.assertEqual(statuses, [200, 200, 500] * 3 + [200])

    def test_redirects(self):
        path, hops = "/T1/redirect/5", 0
        while True:
            answer = self.ask("GET", path)
            if answer.status != 302:
                break
            path, hops = answer.getheader("Location"), hops + 1
        self.assertEqual((hops, answer.status, answer.content), (5, 200, b"arrived\n"))
        self.assertEqual(self.counts()["by_class"]["T1"]["count"], 6)
        answer = self.ask("GET", "/redirect-to?url=http%3A%2F%2F127.0.0.1%2Fx&status=307")
        self.assertEqual((answer.status, answer.getheader("Location")), (307, "http://127.0.0.1/x"))
        self.assertEqual(self.ask("GET", "/redirect-to?url=a%0d%0aX:1").status, 400)

    def test_echo_gives_the_body_back(self):
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET", "PURGE"):
            body = os.urandom(70_000)
            answer = self.ask(method, "/echo", body, Content_Type="image/x")
            self.assertEqual((answer.content, answer.getheader("Content-Type")), (body, "image/x"))
        self.assertEqual(self.ask("POST", "/echo", iter([b"in ", b"pieces"])).content, b"in pieces")
        self.assertEqual(self.ask("POST", "/echo", bytes((16 << 20) + 1)).status, 413)
        self.assertEqual(self.ask("GET", "/").status, 200)

    def test_uploads_are_counted_and_hashed(self):
        sizes = (0, 1, 31, 32, 2048, 300_000, 5_000_000)
        for size in sizes:
            body = os.urandom(size)
            self.assertEqual(json.loads(self.ask("PUT", "/upload/a", body).content), {"bytes": size})
            if size < 1_000_000:  # the oracle is slow
                self.assertEqual(json.loads(self.ask("POST", "/upload/b?checksum=1", body).content),
                                 {"bytes": size, "xxh64": xxh64(body)})
        pieces = [os.urandom(10_000) for _ in range(20)]
        answer = self.ask("PUT", "/C2/snapshots/cam-1", iter(pieces), X_Checksum="xxh64")
        self.assertEqual(answer.status, 201)
        self.assertEqual(json.loads(answer.content), {"bytes": 200_000, "xxh64": xxh64(b"".join(pieces))})
        counts = self.counts()
        self.assertEqual(counts["by_class"]["C2"]["bytes"], 200_000)
        self.assertEqual(counts["by_class"]["upload"]["bytes"], sum(sizes) + sum(s for s in sizes if s < 1_000_000))
        self.assertEqual(counts["request_body_bytes"], 200_000 + counts["by_class"]["upload"]["bytes"])

    def test_expect_continue(self):
        with self.city.connect("http") as connection:
            connection.sendall(b"POST /echo HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(receive_exactly(connection, 25), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b"hello")
            self.assertTrue(connection.recv(4096).endswith(b"\r\n\r\nhello"))

    def test_login_and_logout(self):
        self.assertEqual(self.ask("GET", "/me").status, 401)
        self.assertEqual(self.ask("POST", "/logout").status, 401)
        self.assertEqual(self.ask("POST", "/login", "user=ann&password=wrong").status, 401)
        answer = self.ask("POST", "/login", "user=ann%20b&password=x", Content_Type="application/x-www-form-urlencoded")
        cookie = answer.getheader("Set-Cookie").split(";")[0]
        self.assertEqual(json.loads(self.ask("GET", "/me", Cookie=f"a=b; {cookie}").content), {"user": "ann b"})
        answer = self.ask("POST", "/login", json.dumps({"user": "bob", "password": "x"}), Content_Type="application/json")
        bearer = "Bearer " + json.loads(answer.content)["token"]
        self.assertEqual(json.loads(self.ask("GET", "/me", Authorization=bearer).content), {"user": "bob"})
        self.assertEqual(self.ask("POST", "/logout", Cookie=cookie).status, 200)
        self.assertEqual(self.ask("POST", "/logout", Cookie=cookie).status, 401)
        self.assertEqual(self.ask("GET", "/me", Cookie=cookie).status, 401)
        self.assertEqual(self.ask("GET", "/me", Authorization=bearer).status, 200)
        counts = self.counts()
        self.assertEqual((counts["logins"], counts["logouts"]), (2, 1))

    def test_basic_authentication(self):
        self.assertEqual(self.ask("GET", "/basic").getheader("WWW-Authenticate"), 'Basic realm="city"')
        good = "Basic " + base64.b64encode(b"city:city").decode()
        self.assertEqual(self.ask("GET", "/basic", Authorization=good).status, 200)

    def test_the_city_s_own_messages(self):
        lanes = json.dumps([{"id": f"lane-{i}"} for i in range(8)])
        self.assertEqual(self.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", lanes, X_Class="T1").status, 204)
        self.assertEqual(self.ask("POST", "/ngsi-ld/v1/entities?class=A1", '{"id":"air-1"}').status, 201)
        self.assertEqual(self.ask("POST", "/ngsi-ld/v1/entities", "not json").status, 400)
        self.assertEqual(self.ask("POST", "/K1/taps", "[{},{},{}]").status, 201)
        counts = self.counts()
        self.assertEqual((counts["entities"], counts["taps"]), (9, 3))
        self.assertEqual(counts["by_class"]["T1"], {"count": 1, "bytes": len(lanes), "failed": 0, "response_bytes": 0})
        self.assertEqual(counts["by_class"]["A1"]["bytes"], 14)
        self.assertEqual(counts["by_class"]["K1"]["count"], 1)

    def test_bytes_are_those_of_the_wire(self):
        requests = [b"GET / HTTP/1.1\r\nHost: c\r\n\r\n",
                    b"POST /upload/x HTTP/1.1\r\nHost: c\r\nContent-Length: 4\r\n\r\nabcd",
                    b"POST /upload/x HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                    b"GET /chunked/100?chunk=9 HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n"]
        with self.city.connect("http") as connection:
            connection.sendall(b"".join(requests))  # pipelined
            received = b""
            while part := connection.recv(65536):
                received += part
        counts = self.counts()
        self.assertEqual(counts["requests"], 4)
        self.assertEqual(counts["request_bytes"], sum(map(len, requests)))
        self.assertEqual(counts["request_body_bytes"], 7)
        self.assertEqual(counts["response_bytes"], len(received))
        lines = self.city.journal()
        self.assertEqual([line["request_bytes"] for line in lines], list(map(len, requests)))
        self.assertEqual(sum(line["response_bytes"] for line in lines), len(received))

    def test_what_was_cut_off_is_in_no_other_count(self):
        with self.city.connect("http") as connection:
            connection.sendall(b"POST /upload/x HTTP/1.1\r\nHost: c\r\nContent-Length: 9\r\n\r\nabcd")
        with self.city.connect("http") as connection:
            connection.sendall(b"GET / HT")
        with self.city.connect("http") as connection:
            connection.sendall(b"no such thing\r\n\r\n")
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 400 "))
        counts = self.city.counters_when(lambda c: c["http"]["open"] == 0)["http"]
        self.assertEqual((counts["cut_requests"], counts["bad_requests"], counts["requests"]), (2, 1, 0))
        self.assertEqual((counts["connections"], counts["open"]), (3, 0))

    def test_an_answer_that_nobody_took_is_cut(self):
        connection = self.city.connect("http")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"GET /bytes/100000000 HTTP/1.1\r\nHost: c\r\n\r\n")
        connection.recv(1000)
        connection.close()  # by reset
        counts = self.city.counters_when(lambda c: c["http"]["open"] == 0)["http"]
        self.assertEqual((counts["requests"], counts["cut_answers"], counts["statuses"]), (1, 1, {}))

    def test_closing_as_http_says(self):
        for request in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n"):
            with self.city.connect("http") as connection:
                connection.sendall(request)
                received = b""
                while part := connection.recv(65536):
                    received += part
                self.assertIn(b"\r\nConnection: close\r\n", received)

    def test_journal_tells_connections_sequences_and_times(self):
        for seq in range(5):
            self.ask("GET", f"/page/a?seq={seq}")
        self.ask("GET", "/", X_Seq="99")
        lines = self.city.journal()
        self.assertEqual([line.get("seq") for line in lines], [0, 1, 2, 3, 4, 99])
        self.assertEqual({line["connection"] for line in lines}, {lines[0]["connection"]})
        stamps = [stamp for line in lines for stamp in (line["t_receive_ns"], line["t_reply_ns"])]
        self.assertEqual(stamps, sorted(stamps))

    def test_a_delay_is_at_least_as_long_as_said(self):
        self.ask("GET", "/delay/30.5")
        line, = self.city.journal()
        self.assertGreaterEqual(line["t_reply_ns"] - line["t_receive_ns"], 30_500_000)

    def test_the_end_prints_the_counters(self):
        self.ask("GET", "/")
        code, last = self.city.end()
        self.assertEqual(code, 0)
        self.assertEqual(last["counters"]["http"]["requests"], 1)


class ThreadsStory(Story):
    options = ("--threads", "3")

    def test_ten_thousand_connections(self):
        count = 10_000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < count + 200:
            self.skipTest(f"needs {count + 200} descriptors, the limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        connections = [self.city.connect("http") for _ in range(count)]
        for connection in connections:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: c\r\n\r\n")
        for connection in connections:
            self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200 "))
        counts = self.city.counters()["http"]
        self.assertEqual((counts["open"], counts["requests"], counts["accept_failures"]), (count, count, 0))
        for connection in connections:
            connection.close()
        counts = self.city.counters_when(lambda c: c["http"]["open"] == 0)["http"]
        self.assertEqual((counts["open"], counts["connections"], counts["cut_requests"]), (0, count, 0))
        lines = self.city.journal()  # three threads wrote it
        self.assertEqual(len({line["connection"] for line in lines}), count)


if __name__ == "__main__":
    unittest.main()
