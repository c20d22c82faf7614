"""Twenty different mistakes in one file are all told in one go, and nothing is sent; bad plugins are turned away
with a sentence each, and no code of theirs runs.

The judges: the city's connection counters, and files that the plugins' constructors would make.
"""
import os
import re
import subprocess

from harness import (BIN, City, Mosquitto, check, expect, expect_equal, expect_passed, figure, file_path, program, show,
                     squall, write_file)

# Each line with a mistake ends with `# n`; the file is wrong in twenty ways and in no other.
MISTAKES = """
scenario: twenty
targets:
  site: "${env.CITY_HTTP}"
  broker: "${env.CITY_BROKER}"
  lake: ftp://127.0.0.1:21                                         # 1 unknown scheme
  door: "http://user:word@127.0.0.1:1"                             # 2 a password in an address
data:
  people: { file: absent.csv }                                     # 3 no such file
payloads:
  x: { sise: 20 }                                                  # 4 unknown key
  y: { text: "${uuidd}" }                                          # 5 unknown generator
plugins: { htttp: {} }                                             # 6 unknown plugin
tasks:
  a:
    - http.gett: { to: site, path: / }                             # 7 unknown operation
    - http.get: { to: sight, path: / }                             # 8 unknown target
    - http.get: { to: site, pth: / }                               # 9 unknown parameter
    - http.get: { to: broker, path: / }                            # 10 a target of another protocol
    - http.get: { to: site, path: "/${nobody}" }                   # 11 unknown name
    - wait: 30                                                     # 12 no unit
    - mqtt.publish: { to: broker, topic: t, qos: 7 }               # 13 out of range
  b:
    - http.post: { to: site, path: /, payload: nothing }           # 14 unknown payload
    - http.get: { to: site, path: /, redirects: many }             # 15 not a number
      expect: { statis: 200 }                                      # 16 unknown output
    - do: nowhere                                                  # 17 unknown task
populations:
  p: { tasks: [ a, c ], load: { users: 5 } }                       # 18 unknown task
  q: { tasks: b, load: { users: 5, rate: 3/s } }                   # 19 two models at once
thresholds: [ "p99(page) <> 250ms" ]                               # 20 no such comparison
run: { for: 2s }
"""
GOOD = """
targets: { site: "${env.CITY_HTTP}", broker: "${env.CITY_BROKER}" }
tasks: { a: [ http.get: { to: site, path: /, name: page }, mqtt.publish: { to: broker, topic: city/X1, payload: { text: x } } ] }
populations: { p: { tasks: a, load: { users: 2 } } }
run: { for: 1s, valid: { lag: 1s } }
"""


def lines_with_mistakes():
    return {number: re.search(r"# (\d+) (.*)", line).group(2)
            for number, line in enumerate(MISTAKES.splitlines(), 1) if re.search(r"# \d+ ", line)}


def all_in_one_go():
    broker = Mosquitto()
    city = City(broker=broker)
    env = {"CITY_BROKER": broker.url}
    before = broker.system("broker/clients/total")
    expected = lines_with_mistakes()
    expect_equal(len(expected), 20, "mistakes in the file")
    path = write_file("twenty.yaml", MISTAKES)
    for verb in ("check", "run"):
        if verb == "check":
            code, text = check(path, city=city, env=env)
        else:
            run = squall(path, city=city, env=env)
            code, text = run.code, run.stderr()
        expect_equal(code, 104, f"{verb}: exit code")
        told = {int(line) for line in re.findall(r"twenty\.yaml:(\d+):\d+", text)}
        for line, mistake in expected.items():
            expect(line in told, f"{verb}: line {line} ({mistake}) is not told")
        expect_equal(sorted(told - set(expected)), [], f"{verb}: lines told that hold no mistake")
        figure(f"{verb}: {len(told & set(expected))} of 20 mistakes told, exit code {code}")
    counters = city.counters()
    expect_equal(counters["http"]["connections"], 0, "connections to the city")
    expect_equal(counters["mqtt"]["messages"], 0, "messages published")
    expect_equal(broker.system("broker/clients/total"), before, "clients the broker has seen")

    code, text = check(GOOD, city=city, env=env)
    expect_equal(code, 0, f"check of a good file ({text.strip()[-200:]})")
    expect_equal(city.counters()["http"]["connections"], 0, "connections by check of a good file")
    run = squall(GOOD, city=city, env=env)
    expect_passed(run, "a good file")
    expect_equal(city.counters()["http"]["requests"], run.one(name="page")["count"], "a good file: requests")


CERTIFICATE = """
targets: { site: { url: "${env.CITY_HTTPS}", tls: { ca: %s } } }
tasks: { a: [ http.get: { path: /, name: page } ] }
populations: { p: { tasks: a, load: { users: 1 } } }
run: { for: 1s, valid: { lag: 1s } }
"""


def certificates():
    """A certificate is found beside the scenario, and one that is not there is a mistake of the scenario."""
    city = City()
    beside = write_file("ca.pem", open(city.ca).read())
    run = squall(CERTIFICATE % os.path.basename(beside), city=city)
    expect_passed(run, "a certificate beside the scenario")
    expect_equal(city.counters()["https"]["requests"], run.one(name="page")["count"] - run.one(name="page")["failed"],
                 "a certificate beside the scenario: requests")
    before = city.counters()["https"]["connections"]
    run = squall(CERTIFICATE % "absent.pem", city=city)
    expect_equal(run.code, 104, f"no such certificate: exit code ({run.last_line()})")
    expect_equal(city.counters()["https"]["connections"] - before, 0, "no such certificate: connections")
    figure(f"certificates: no such file ends {run.code}")


# A constructor runs when a library is loaded, before anything of it is asked for.
CONSTRUCTOR = """
#include <fcntl.h>
__attribute__((constructor)) static void began(void) { open("%s", O_CREAT | O_WRONLY, 0600); }
"""
PLUGINS = {
    "other_major": "const void* squall_plugin_entry_v2(void) { return 0; }",
    "no_symbol": "static int nothing; int* hidden_away(void) { return &nothing; }",
    "two_symbols": "const void* squall_plugin_entry_v1(void) { return 0; } int one_more(void) { return 1; }",
    "truncated": "const void* squall_plugin_entry_v1(void) { return 0; }",
    "not_elf": None,
}
USES_PLUGIN = """
targets: { site: "${env.CITY_HTTP}" }
plugins: { %s: { library: lib%s.so } }
tasks: { a: [ http.get: { to: site, path: / } ] }
populations: { p: { tasks: a, load: { users: 1 } } }
run: { for: 1s }
"""


def bad_plugins():
    compiler = program("cc")
    city = City()
    good = os.path.join(os.path.dirname(BIN), "lib/squall/plugins")
    for name, source in PLUGINS.items():
        folder = file_path(name)
        os.makedirs(folder)
        marker = os.path.join(folder, "code-ran")
        library = os.path.join(folder, f"lib{name}.so")
        if source is None:
            with open(library, "w") as file:
                file.write("this is no library\n" * 100)
        else:
            path = write_file("plugin.c", CONSTRUCTOR % marker + source)
            subprocess.run([compiler, "-shared", "-fPIC", "-o", library, path], check=True)
            if name == "truncated":
                os.truncate(library, os.path.getsize(library) // 2)
        run = squall(USES_PLUGIN % (name, name), "--plugin-path", f"{good}:{folder}", city=city)
        said = [line for line in run.stderr().splitlines() if f"lib{name}.so" in line]
        expect_equal(run.code, 113, f"{name}: exit code ({run.stderr().strip()[-200:]})")
        expect_equal(len(said), 1, f"{name}: sentences about it")
        expect(not os.path.exists(marker), f"{name}: code of it ran")
        figure(f"{name}: {run.code}, {said[0].split('.so: ')[-1] if said else 'nothing said'}")
    expect_equal(city.counters()["http"]["connections"], 0, "connections with a bad plugin")


show(all_in_one_go, certificates, bad_plugins)
