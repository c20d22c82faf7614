"""The subscriber against a real mosquitto: a broker that comes late, exact counts, a broker that comes back."""
import unittest

from broker import Broker, main_with_broker, publish
from city_process import City, free_port


class MqttStory(unittest.TestCase):
    def test_counts_by_class_across_broker_restarts(self):
        port = free_port()
        city = City("--mqtt-broker", f"127.0.0.1:{port}", wait=False)
        self.addCleanup(city.end)
        broker = Broker(port)  # the city had to try more than once, or not: it must not matter
        self.addCleanup(broker.end_if_left)
        city.wait_ready()      # after the SUBACK, so nothing published from here on may be missed

        publish(port, "city/M2/house-1", 1, ["x" * 890] * 2000)
        publish(port, "city/B1/bus/7", 1, ["y" * 117] * 500)
        publish(port, "city/L1", 0, ["z" * 280] * 100)
        publish(port, "elsewhere/M2", 1, ["not ours"])
        counts = city.counters_when(lambda c: c["mqtt"]["messages"] >= 2600)["mqtt"]
        self.assertEqual(counts["by_class"], {"B1": {"count": 500, "bytes": 500 * 117},
                                              "L1": {"count": 100, "bytes": 100 * 280},
                                              "M2": {"count": 2000, "bytes": 2000 * 890}})
        self.assertEqual((counts["messages"], counts["by_qos"]), (2600, [100, 2500, 0]))
        self.assertTrue(counts["subscribed"])

        broker.end()
        counts = city.counters_when(lambda c: not c["mqtt"]["subscribed"])["mqtt"]
        self.assertFalse(counts["subscribed"])
        broker = Broker(port)
        self.addCleanup(broker.end_if_left)
        counts = city.counters_when(lambda c: c["mqtt"]["subscribed"])["mqtt"]
        self.assertEqual((counts["subscribed"], counts["connects"]), (True, 2))
        city.post("/reset")
        publish(port, "city/P1/a", 1, ["again"])
        counts = city.counters_when(lambda c: c["mqtt"]["messages"] >= 1)["mqtt"]
        self.assertEqual(counts["by_class"], {"P1": {"count": 1, "bytes": 5}})


if __name__ == "__main__":
    main_with_broker()
