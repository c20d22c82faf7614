"""A real mosquitto for the stories that need one, and what publishes to it."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from city_process import DEADLINE_S

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


def main_with_broker():
    """As unittest.main(), but skipped where there is no broker."""
    missing = [name for name in ("mosquitto", "mosquitto_pub")
               if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    if missing:
        print(f"skipped: {', '.join(missing)} not found")
        sys.exit(77)
    unittest.main()
