"""The bulk sink: every byte counted, hashed when asked, and the end acknowledged."""
import os
import socket
import unittest

from city_process import Story
from xxh64 import xxh64


def dump(city, content):
    with city.connect("dump") as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(10)  # b"" once the city has read all and closed


class DumpStory(Story):
    def test_counts_when_the_peer_ends(self):
        sizes = (0, 1, 12_345_678, 40_000_000)
        for size in sizes:
            self.assertEqual(dump(self.city, bytes(size)), b"")
        counts = self.city.counters()["dump"]
        self.assertEqual(counts["streams"], [{"bytes": size} for size in sizes])
        self.assertEqual((counts["connections"], counts["finished"], counts["reset"]), (4, 4, 0))
        self.assertEqual(counts["bytes"], sum(sizes))

    def test_a_reset_is_not_an_end(self):
        connection = self.city.connect("dump")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"x")
        self.city.counters_when(lambda c: c["dump"]["bytes"] == 1)
        connection.close()
        counts = self.city.counters_when(lambda c: c["dump"]["open"] == 0)["dump"]
        self.assertEqual((counts["finished"], counts["reset"], counts["streams"]), (0, 1, []))

    def test_a_stall_closes_the_window(self):
        self.city.post("/stall", for_s=3600)
        with self.city.connect("dump") as connection:
            connection.setblocking(False)
            sent = 0
            try:
                while True:  # until the kernels' buffers are full
                    sent += connection.send(bytes(1 << 20))
            except BlockingIOError:
                pass
            self.assertEqual(self.city.counters()["dump"]["bytes"], 0)
            self.assertGreater(sent, 0)


class ChecksumStory(Story):
    options = ("--dump-checksum", "--threads", "2")

    def test_each_stream_has_its_checksum(self):
        contents = [os.urandom(size) for size in (0, 1, 100, 700_001)]
        for content in contents:
            self.assertEqual(dump(self.city, content), b"")
        streams = self.city.counters()["dump"]["streams"]
        self.assertEqual(sorted(stream["xxh64"] for stream in streams), sorted(map(xxh64, contents)))
        self.assertEqual({(s["bytes"], s["xxh64"]) for s in streams}, {(len(c), xxh64(c)) for c in contents})


if __name__ == "__main__":
    unittest.main()
