"""The two TCP request/response ports."""
import os
import struct
import unittest

from city_process import Story, receive_exactly


class TcpStory(Story):
    def test_lines_come_back_as_they_were(self):
        with self.city.connect("tcp") as connection:
            connection.sendall(b"M1 first\nsecond\nthi")
            self.assertEqual(receive_exactly(connection, 16), b"M1 first\nsecond\n")
            connection.sendall(b"rd\n\n")
            self.assertEqual(receive_exactly(connection, 7), b"third\n\n")
            long = b"x" * 1_000_000 + b"\n"
            connection.sendall(long)
            self.assertEqual(receive_exactly(connection, len(long)), long)
            connection.sendall(b"never whole")
        counts = self.city.counters_when(lambda c: c["tcp"]["open"] == 0)["tcp"]
        self.assertEqual((counts["connections"], counts["messages"]), (1, 5))
        self.assertEqual(counts["bytes"], 8 + 6 + 5 + 0 + 1_000_000)
        self.assertEqual(counts["wire_bytes"], counts["bytes"] + 5)
        self.assertEqual(counts["cut_bytes"], 11)
        self.assertEqual(counts["by_class"]["M1"], {"count": 1, "bytes": 8})

    def test_prefixed_messages_come_back_as_they_were(self):
        bodies = [b"", b"M1x", os.urandom(5), os.urandom(2_000_000)]
        with self.city.connect("tcp_prefix") as connection:
            for body in bodies:
                framed = struct.pack(">I", len(body)) + body
                connection.sendall(framed)
                self.assertEqual(receive_exactly(connection, len(framed)), framed)
        counts = self.city.counters_when(lambda c: c["tcp_prefix"]["open"] == 0)["tcp_prefix"]
        self.assertEqual((counts["messages"], counts["bytes"]), (4, sum(map(len, bodies))))
        self.assertEqual(counts["wire_bytes"], counts["bytes"] + 16)

    def test_a_message_past_the_limit_ends_the_connection(self):
        with self.city.connect("tcp_prefix") as connection:
            connection.sendall(struct.pack(">I", (16 << 20) + 1))
            self.assertEqual(connection.recv(10), b"")
        self.assertEqual(self.city.counters()["tcp_prefix"]["oversize"], 1)


if __name__ == "__main__":
    unittest.main()
