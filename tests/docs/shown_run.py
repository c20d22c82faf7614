# Writes the run that README.md shows: starts the city and mosquitto on free ports, runs the page's first scenario
# as mix.yaml and puts its summary into the block marked `text shown`. By hand, when the output has changed.
# Arguments: the source folder, the folder of squall and city.
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

root, programs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
readme = root / "README.md"
text = readme.read_text()
scenario = re.search(r"^```yaml scenario\n(.*?)^```$", text, re.M | re.S).group(1)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds, what):
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not come up")
        time.sleep(0.05)


with tempfile.TemporaryDirectory() as folder:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    started = []
    try:
        broker = pathlib.Path(folder) / "mosquitto.conf"
        broker.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        started.append(subprocess.Popen(["mosquitto", "-c", broker], stderr=subprocess.DEVNULL))
        wait_until(lambda: listens(port), "mosquitto")
        ready = pathlib.Path(folder) / "ready.json"
        started.append(subprocess.Popen([programs / "city", "--ready-file", ready], stdout=subprocess.DEVNULL))
        wait_until(ready.exists, "city")
        ports = json.loads(ready.read_text())
        pathlib.Path(folder, "mix.yaml").write_text(scenario)
        run = subprocess.run([programs / "squall", "run", "mix.yaml", "--no-color"], cwd=folder, timeout=60,
                             stdout=subprocess.PIPE, text=True,
                             env=dict(os.environ, CITY_HTTP=f"http://127.0.0.1:{ports['http']}",
                                      CITY_BROKER=f"mqtt://127.0.0.1:{port}",
                                      CITY_DUMP=f"tcp://127.0.0.1:{ports['dump']}"))
    finally:
        for process in started:
            process.terminate()
            process.wait()
if run.returncode != 0:
    sys.exit(f"the run ended {run.returncode}:\n{run.stdout}")
shown = f"$ squall run mix.yaml\n{run.stdout.rstrip()}\n"
readme.write_text(re.sub(r"(^```text shown\n).*?(^```$)", lambda block: block[1] + shown + block[2], text,
                         flags=re.M | re.S))
