"""The subscriber against a real mosquitto: a broker that comes late, exact counts, a broker that comes back."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from city_process import DEADLINE_S, City, free_port

CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
persistence false
user root
log_type error
"""


class Broker:
    def __init__(self, port):
        self.port = port
        self.directory = tempfile.mkdtemp(prefix="city-broker-")
        path = os.path.join(self.directory, "mosquitto.conf")
        with open(path, "w") as file:
            file.write(CONFIG.format(port=port))
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([program, "-c", path])

    def end(self):
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        shutil.rmtree(self.directory, ignore_errors=True)

    def end_if_left(self):   # a failed test must not leave a broker that holds the runner's output open
        if self.process.poll() is None:
            self.end()


def publish(port, topic, qos, lines):
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-q", str(qos), "-l"],
                   input="\n".join(lines) + "\n", text=True, check=True, timeout=DEADLINE_S)


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
    missing = [name for name in ("mosquitto", "mosquitto_pub")
               if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    if missing:
        print(f"skipped: {', '.join(missing)} not found")
        sys.exit(77)
    unittest.main()
