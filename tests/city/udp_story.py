"""Datagrams by class, and the echo."""
import socket
import unittest

from city_process import DEADLINE_S, Story


class UdpStory(Story):
    def setUp(self):
        super().setUp()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE_S)
        self.addCleanup(self.socket.close)

    def test_datagrams_are_counted_by_their_tag(self):
        expected = {"T2": 5000, "V1": 3000, "udp": 100}
        for name, count in expected.items():
            payload = (name.encode() if name != "udp" else b"\0\1") + bytes(250)
            for _ in range(count):
                self.socket.sendto(payload, ("127.0.0.1", self.city.udp))
        self.socket.sendto(b"", ("127.0.0.1", self.city.udp))
        expected["udp"] += 1
        counts = self.city.counters_when(lambda c: c["udp"]["datagrams"] >= 8101)["udp"]
        self.assertEqual(counts["dropped"], 0)
        self.assertEqual(counts["datagrams"], 8101)
        self.assertEqual(counts["bytes"], 8100 * 252)
        self.assertEqual({name: tally["count"] for name, tally in counts["by_class"].items()}, expected)

    def test_the_echo_answers_each_with_itself(self):
        for payload in (b"", b"T2 hello", bytes(60_000)):
            self.socket.sendto(payload, ("127.0.0.1", self.city.udp_echo))
            self.assertEqual(self.socket.recv(65536), payload)
        counts = self.city.counters()["udp_echo"]
        self.assertEqual((counts["datagrams"], counts["answered"], counts["bytes"]), (3, 3, 60_008))


if __name__ == "__main__":
    unittest.main()
