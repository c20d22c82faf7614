"""Transactions over MQTT, HTTP and TCP: what is published becomes visible, is lost or comes twice, and the journal says which."""
import collections
import http.client
import json
import struct
import time
import unittest

from broker import Broker, main_with_broker, publish
from city_process import DEADLINE_S, City, free_port, receive_exactly

MS = 1_000_000


class TransactionStory(unittest.TestCase):
    def setUp(self):
        self.port = free_port()
        broker = Broker(self.port)
        self.addCleanup(broker.end_if_left)
        self.city = City("--mqtt-broker", f"127.0.0.1:{self.port}")
        self.addCleanup(lambda: self.assertEqual(self.city.end()[0], 0))

    def publish(self, *ids):
        """Returns when the city has them."""
        known = self.city.counters()["mqtt"]["messages"]
        publish(self.port, "city/tx", 1, [json.dumps({"id": name, "more": 1}) for name in ids])
        counts = self.city.counters_when(lambda c: c["mqtt"]["messages"] >= known + len(ids))
        self.assertEqual(counts["mqtt"]["messages"], known + len(ids))

    def look(self, name):
        """How often it was seen; 0 when it is not visible."""
        connection = http.client.HTTPConnection("127.0.0.1", self.city.http, timeout=DEADLINE_S)
        connection.request("GET", f"/tx/{name}")
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status == 404:
            return 0
        self.assertEqual((answer.status, json.loads(content)["id"]), (200, name))
        return json.loads(content)["seen"]

    def look_until(self, name, seen):
        deadline = time.monotonic() + DEADLINE_S
        while self.look(name) < seen:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.look(name), seen)

    def send(self, message):
        """One message of the port with lengths, which comes back as it was."""
        framed = struct.pack(">I", len(message)) + message
        with self.city.connect("tcp_prefix") as connection:
            connection.sendall(framed)
            self.assertEqual(receive_exactly(connection, len(framed)), framed)

    def counts(self):
        return self.city.control("GET", "/tx")[1]

    def journal(self):
        """{id: {what: event}}; each of these happens once to an id in these stories."""
        found = collections.defaultdict(dict)
        for event in self.city.control("GET", "/tx/journal")[1]:
            self.assertNotIn(event["what"], found[event["id"]])
            found[event["id"]][event["what"]] = event
        return found

    def test_a_message_is_visible_after_its_time_and_a_file_names_it(self):
        self.city.post("/tx", visible_s=0.05)
        self.assertEqual(self.look("a-1"), 0)
        self.publish("a-1")
        self.look_until("a-1", 1)
        self.send(b"tx a-1\n" + b"\x00\n" * 500)
        self.assertEqual(list(self.journal()), ["a-1"])
        happened = self.journal()["a-1"]
        self.assertEqual(list(happened), ["published", "visible", "file"])
        self.assertEqual(happened["visible"]["at_ns"] - happened["published"]["at_ns"], 50 * MS)
        self.assertEqual([event["bytes"] for event in happened.values()], [len('{"id": "a-1", "more": 1}'), 0, 1000])
        self.assertEqual(self.counts(), {"published": 1, "dropped": 0, "doubled": 0, "visible": 1, "files": 1,
                                         "file_bytes": 1000, "early_files": 0, "unnamed": 0})

    def test_what_is_to_come_is_not_in_the_journal(self):
        self.city.post("/tx", visible_s=3600, double=1)
        self.publish("a")
        self.send(b"tx a\n")
        self.assertEqual(list(self.journal()["a"]), ["published", "early_file"])
        self.assertEqual((self.counts()["visible"], self.counts()["early_files"], self.look("a")), (0, 1, 0))

    def test_a_doubled_message_is_seen_twice_the_second_time_within_its_span(self):
        self.city.post("/tx", visible_s=0, double=1, double_s=0.05)
        names = [f"d-{number}" for number in range(200)]
        self.publish(*names)
        for name in names:
            self.look_until(name, 2)
        gaps = [(happened["doubled"]["at_ns"] - happened["visible"]["at_ns"]) / MS for happened in self.journal().values()]
        self.assertTrue(0 <= min(gaps) < 5 and 45 < max(gaps) <= 50, (min(gaps), max(gaps)))  # 1e-9 that it is not so

    def test_an_id_that_is_published_again_is_seen_again(self):
        self.city.post("/tx", visible_s=0)
        self.publish("twice", "twice")
        self.look_until("twice", 2)
        self.assertEqual((self.counts()["published"], self.counts()["visible"], self.counts()["doubled"]), (2, 2, 0))

    def fates(self, names, **behaviour):
        """What becomes of each id: {id: "dropped", "doubled" or "visible"}."""
        self.city.post("/reset")
        self.city.post("/tx", visible_s=0, double_s=0, **behaviour)
        self.publish(*names)
        journal = self.journal()
        self.assertEqual(sorted(journal), sorted(names))
        for name, happened in journal.items():
            self.assertEqual("visible" in happened, "dropped" not in happened, name)
        return {name: "dropped" if "dropped" in happened else "doubled" if "doubled" in happened else "visible"
                for name, happened in journal.items()}

    def test_what_is_lost_or_doubled_is_a_share_that_id_and_seed_repeat(self):
        names = [f"n-{number}" for number in range(1000)]
        fates = self.fates(names, drop=0.1, double=0.2, seed=7)
        found = collections.Counter(fates.values())
        counts = self.counts()
        self.assertEqual((counts["dropped"], counts["doubled"], counts["visible"]),
                         (found["dropped"], found["doubled"], found["doubled"] + found["visible"]))
        self.assertTrue(60 < found["dropped"] < 145 and 145 < found["doubled"] < 260, found)  # 4 standard deviations
        for name in names[:50]:
            self.assertEqual(self.look(name), {"dropped": 0, "visible": 1, "doubled": 2}[fates[name]], name)
        self.assertEqual(self.fates(list(reversed(names)), drop=0.1, double=0.2, seed=7), fates)
        self.assertNotEqual(self.fates(names, drop=0.1, double=0.2, seed=8), fates)

    def test_times_have_a_tail_when_told(self):
        self.city.post("/tx", visible_s=0.001, visible_sigma=1)
        names = [f"s-{number}" for number in range(400)]
        self.publish(*names)
        for name in names:
            self.look_until(name, 1)
        waits = sorted((happened["visible"]["at_ns"] - happened["published"]["at_ns"]) / MS
                       for happened in self.journal().values())
        self.assertTrue(0.75 < waits[200] < 1.33, waits[200])   # the median, 4 standard deviations
        self.assertTrue(3.6 < waits[380] < 7.5, waits[380])     # 5.2 is e^1.645

    def test_what_names_no_transaction_is_none(self):
        publish(self.port, "city/tx", 1, ["plain", "{}", '{"id": 7}', '{"id": ""}', "[1]"])
        publish(self.port, "city/M2", 1, ['{"id": "elsewhere"}'])
        self.city.counters_when(lambda c: c["mqtt"]["messages"] >= 6)
        for message in (b"", b"tx", b"tx no line feed", b"TX a\nx", b"M1 tx a\nx"):
            self.send(message)
        self.assertEqual(self.counts(), {"published": 0, "dropped": 0, "doubled": 0, "visible": 0, "files": 0,
                                         "file_bytes": 0, "early_files": 0, "unnamed": 5})
        self.assertEqual(self.look("elsewhere"), 0)
        for wishes in ({"drop": 1.5}, {"double": -1}, {"drop": 0.6, "double": 0.6}, {"visible_s": "soon"}, {"colour": 1}):
            self.assertEqual(self.city.control("POST", "/tx", wishes)[0], 400, wishes)

    def test_a_reset_forgets_transactions_and_keeps_the_behaviour(self):
        self.city.post("/tx", drop=1)
        self.publish("a")
        self.city.post("/reset")
        self.assertEqual((set(self.counts().values()), self.journal()), ({0}, {}))
        self.publish("a")
        self.assertEqual(list(self.journal()["a"]), ["published", "dropped"])


if __name__ == "__main__":
    main_with_broker()
