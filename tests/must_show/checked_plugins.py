"""With --check-plugins a rule that a plugin breaks is named with the plugin and the function, where without it nobody sees it, or
nobody knows what becomes of it; streams come in pieces that do not change what is understood of them; and the plugins of
this repository keep every rule: their servers count the same with it and without.

The judges: the city, nginx's log, mosquitto, the kernel for how a process ended. In a sanitizer's build a view that was kept
is read with the checks alone: without them the sanitizer would have the word.
"""
import os
import re
import signal

from evil_plugins import PLUGINS, environment, sanitizer
from harness import (City, Mosquitto, Nginx, expect, expect_closed, expect_equal, expect_passed, figure, file_path, show, squall)

TIMES = 3                     # operations of each
LIMIT_S = 60
FAULT = "plugin fault: plugin 'careless', in "
CHECKED = "--check-plugins"
STREAM, SOCKET = "stream", "socket"


class Careless:
    """What it becomes with the checks: an exit code and words. Without them it goes unseen: exit code 0 (99 when nothing
    succeeded), no fault; or another code; or, None, nobody knows what, and it is not done."""

    def __init__(self, says, code=112, without=0, target="http", expect=""):
        self.says, self.code, self.without, self.target, self.expect = says, code, without, target, expect


def kept(function, after, without=0, **more):
    words = rf"^squall: plugin 'careless' crashed in {function} \(libcareless\.so\+0x[0-9a-f]+\): SIGSEGV, in a view that was kept after {after}$"
    return Careless(words, code=-signal.SIGSEGV, without=None if sanitizer() else without, **more)


def fault(text, function="start", **more):
    return Careless(f"{FAULT}{function}: {text}", **more)


LENT = {
    "keeps_options": kept("start", "open"),
    "keeps_bindings": kept("start", "prepare"),
    "keeps_wants": kept("start", "prepare"),
    "keeps_args": kept("start", "complete"),
    "keeps_key": kept("release", "output", expect="word: word"),
    "keeps_bytes": kept("on_data", "on_data", target=STREAM),
    "keeps_info": kept("on_data", "on_open", target=STREAM),
    "keeps_detail": kept("a timer's callback", "on_closed", target=STREAM),
    "keeps_packets": kept("on_receive", "on_receive", target=SOCKET),
    "keeps_addresses": kept("a timer's callback", "the answer of resolve"),
    "keeps_tls": kept("start", "the next tls", target="safe"),
}

GIVEN = {
    "null_call": fault(r"complete\(\) without a call", without=None),
    "null_progress": fault(r"progress\(\) without a call", without=None),
    "null_shard": fault(r"timer_new\(\) without a shard", without=None),
    "null_timer": fault(r"timer_set\(\) without a timer", without=None),
    "stale_timer": fault(r"timer_set\(\) on a timer that was freed"),
    "null_post": fault(r"post\(\) without a node", without=None),
    "empty_post": fault(r"post\(\) of a node without a function", without=None),
    "posts_twice": fault(r"post\(\) of a node that is still queued", without=None),
    "odd_events": fault(r"fdwatch\.watch\(\) for unknown events"),
    "unwatches_twice": fault(r"fdwatch\.unwatch\(\) on a watch that has ended"),
    "null_events": fault(r"stream\.connect\(\) without events", target=STREAM),
    "short_events": fault(r"stream\.connect\(\): the struct_size of its events is too small", target=STREAM),
    "odd_flags": fault(r"stream\.connect\(\): events with flags", target=STREAM),
    "deaf_events": fault(r"stream\.connect\(\): events without on_data or on_closed", target=STREAM),
    "odd_options": fault(r"stream\.connect\(\): options with unknown flags", target=STREAM),
    "null_buffer": fault(r"stream\.write\(\): a buffer of NULL with a length", "on_open", target=STREAM),
    "many_buffers": fault(r"stream\.write\(\) of more than 64 buffers", "on_open", target=STREAM),
    "null_stream": fault(r"stream\.close\(\) without a stream", without=None),
    "closes_socket_twice": fault(r"datagram\.close\(\) on a socket that was closed", without=None, target=SOCKET),
    "sends_after_close": fault(r"datagram\.send\(\) on a socket that was closed", without=None, target=SOCKET),
    "null_target": fault(r"target\.info\(\) without a target", without=None),
    "null_answer": fault(r"target\.resolve\(\) without a function"),
    "null_source": fault(r"source\.size\(\) without a source", without=None),
    "null_name": fault(r"samples\.series\(\): a name of NULL with a length", without=None),
    "null_series": fault(r"samples\.count\(\) without a series"),
}

ANSWERED = {
    "odd_status": fault("answered 7, which is no status", "output", without=99, expect="word: word"),
    "odd_type": fault("odd_type: the output 'word' is described with type 4 and given with type 2", "output", without=99, expect="word: word"),
    "wild_output": Careless("plugin 'careless' crashed in output: SIGSEGV", -signal.SIGSEGV, without=-signal.SIGSEGV, expect="word: word"),
    "odd_prepare": Careless(r"careless\.odd_prepare: answered 7, which is no status", 104, without=104),
    "null_prepared": Careless(r"careless\.null_prepared: said SQ_OK and gave no prepared operation", 104, without=None),
    "endless_error": Careless("error: plugin 'careless', in prepare: the text of its sq_error has no end within its 248 bytes", 104, without=104),
    "odd_session": fault("answered 7, which is no status", "session_open", without=99),
    "wrong_answer": fault(r"written\(\) answers what done\(\) ends", "shard_close", without=None),
}

OUTPUTS = {
    "keeps_options": kept("write", "open"),
    "keeps_batch": kept("write", "written"),
    "keeps_to_close": kept("close", "written"),
    "null_reason": fault(r"written\(\): a reason of NULL with a length", "write"),
    "written_twice": fault(r"written\(\) on a handle that was answered", "write", without=None),
    "null_output": Careless("output 'careless': said SQ_OK and gave no output", 104),
}

TASKS = {
    "keeps_options": kept("run", "task_open", without=99),   # without samples nothing is passed
    "keeps_value": kept("run", "the next get", without=99),
    "null_wait": fault(r"users\.wait\(\) without a function", "run", without=None),
    "null_value": fault(r"users\.set\(\) without a value", "run", without=None),
    "null_group": fault(r"users\.group_begin\(\): a text of NULL with a length", "run", without=None),
    "null_operation": fault(r"users\.call\(\) without an operation", "run", without=None),
    "null_record": fault(r"records\.release\(\) without a record", "run", without=None),
    "odd_done": fault(r"done\(\) with 7, which is no status", "run", without=99),
    "done_twice": fault(r"done\(\) on a handle that was answered", "run", without=112),
    "left_user": fault(r"users\.random\(\) on a user after its user_close", "run", without=None),
}

OPERATION = """
targets: {{ http: "${{env.CITY_HTTP}}", stream: "${{env.CITY_TCP}}", socket: "${{env.CITY_UDP_ECHO}}",
  safe: {{ url: "${{env.CITY_HTTPS}}", tls: {{ insecure: true }} }} }}
plugins: {{ careless: {{ note: hello }} }}
tasks:
  careless:
    - careless.{name}: {{ to: {target}, text: "${{user.index}}", timeout: 2s, name: careless }}
      expect: {{ {expect} }}
populations:
  careless: {{ tasks: careless, load: {{ users: 1 }}, stop_after: {{ iterations: {times} }} }}
run: {{ valid: {{ lag: 10s }} }}
"""
OUTPUT = """
tasks: {{ well: [ careless.well: {{ name: well }}, wait: 1s ] }}
populations: {{ well: {{ tasks: well, load: {{ users: 1 }}, stop_after: {{ iterations: {times} }} }} }}
outputs: [ careless: {{ note: {name} }} ]
run: {{ valid: {{ lag: 10s }} }}
"""
TASK = """
vars: {{ x: hello }}
tasks:
  well: {{ steps: [ carefree.well: {{ note: hello }} ] }}
  careless: {{ steps: [ carefree.{name}: {{ note: hello }} ] }}
populations:
  first: {{ tasks: well, load: {{ users: 1 }}, stop_after: {{ iterations: 1 }} }}
  second: {{ tasks: careless, after: first, load: {{ users: 1 }}, stop_after: {{ iterations: {times} }} }}
run: {{ valid: {{ lag: 10s }} }}
"""


def run(scenario, city, *flags):
    env = {**environment(), "CITY_UDP_ECHO": f"udp://127.0.0.1:{city.udp_echo}", "SQUALL_CHECK_PLUGINS": "0"}
    return squall(scenario, "--plugin-path", os.path.join(PLUGINS, "careless"), *flags, env=env, city=city, limit_s=LIMIT_S)


def each(kinds, scenario):
    """All of them with the checks, and without where that can be done."""
    city = City()
    unseen = undefined = 0
    for name, careless in kinds.items():
        text = scenario.format(name=name, target=careless.target, expect=careless.expect, times=TIMES)
        ours = run(text, city, CHECKED)
        expect_equal(ours.code, careless.code, f"{name}: exit code ({ours.last_line()})")
        expect(re.search(careless.says, ours.stderr(), re.M), f"{name}: says {ours.stderr()[-600:]!r} and not {careless.says!r}")
        if ours.code == 112:
            expect_closed(ours, name)
        if ours.code == -signal.SIGSEGV:
            expect(ours.result and re.search(careless.says.strip("^$").removeprefix("squall: "), ours.result["reasons"][0]),
                   f"{name}: results {ours.result and ours.result['reasons']}")
        if careless.without is None:
            undefined += 1
            continue
        plain = run(text, city)
        expect_equal(plain.code, careless.without, f"{name} without the checks: exit code ({plain.last_line()})")
        if careless.without in (0, 99):
            unseen += 1
            expect("plugin fault" not in plain.stderr(), f"{name} without the checks: {plain.last_line()}")
    figure(f"{len(kinds)} of {len(kinds)} named with plugin and function; without the checks {unseen} of them go unseen, {undefined} are undefined")


def lent():
    each(LENT, OPERATION)


def given():
    each(GIVEN, OPERATION)


def answered():
    each(ANSWERED, OPERATION)


def of_outputs():
    each(OUTPUTS, OUTPUT)


def of_tasks():
    each(TASKS, TASK)


def pieces():
    """What a parser understands does not depend on how the bytes come; how often it was shown some, does."""
    city = City()
    for name in ("parses", "pauses"):
        # 1,000 bytes that are no more than one delivery; a pause shows the rest again, however it was
        for flags, shows in (((CHECKED,), "{ above: 2 }"), ((), "{ below: 3 }" if name == "parses" else "{ above: 2 }")):
            ours = run(OPERATION.format(name=name, target=STREAM, expect=f"bytes: 1000, shows: {shows}", times=100), city, *flags)
            expect_passed(ours, f"{name} {flags}")
            expect_equal(ours.one(name="careless")["failed"], 0, f"{name} {flags}: {ours.one(name='careless')['error_details']}")


def is_said():
    """The flag has a variable like the others, and a result says that its times are not those of a plain run."""
    city = City()
    text = OPERATION.format(name="well", target="http", expect="word: word", times=TIMES)
    for flags, env, wanted in (((), {}, 0), ((CHECKED,), {}, 1), ((), {"SQUALL_CHECK_PLUGINS": "1"}, 1)):
        names = {**environment(), "CITY_UDP_ECHO": f"udp://127.0.0.1:{city.udp_echo}", "SQUALL_CHECK_PLUGINS": "0", **env}
        run = squall(text, "--plugin-path", os.path.join(PLUGINS, "careless"), *flags, env=names, city=city)
        expect_passed(run, f"{flags} {env}")
        said = [w for w in run.result["generator"]["warnings"] if "--check-plugins" in w]
        expect_equal(len(said), wanted, f"{flags} {env}: warnings about it in {run.result['generator']['warnings']}")


OURS = """
targets:
  site: "${env.SITE}"
  broker: "${env.BROKER}"
  page: "${env.CITY_HTTP}"
  safe: { url: "${env.CITY_HTTPS}", tls: { insecure: true } }
  line: "${env.CITY_TCP}"
  block: "${env.CITY_TCP_PREFIX}"
  lake: "${env.CITY_DUMP}"
  meter: "${env.CITY_UDP}"
  echo: "${env.CITY_UDP_ECHO}"
plugins:
  job: { programs: { say: { argv: [ /bin/echo, "${arg.what}" ], args: { what: string } } } }
tasks:
  visit:
    - http.get: { to: site, path: /kept, name: get }
      expect: { status: 200, body: { equals: "the same answer to everybody\\n" } }
    - http.post: { to: site, path: /form, body: "${rand.int(1, 1000000)}", name: post }
    - http.get: { to: site, path: /new, connection: new, name: new }
    - http.get: { to: page, path: /page/x, name: page }
      expect: { status: 200, body: { contains: page } }
    - http.get: { to: safe, path: /page/x, name: safe }
  talk:
    - tcp.request: { to: line, payload: { text: "hello ${user.index}\\n" }, name: line }
      expect: { body: "hello ${user.index}" }
    - tcp.request: { to: block, payload: { text: "block ${user.index}" }, framing: length-prefix, name: block }
      expect: { body: "block ${user.index}" }
    - udp.request: { to: echo, payload: { text: "echo ${user.index}" }, name: echo }
      expect: { body: "echo ${user.index}" }
    - udp.send: { to: meter, payload: { text: "meter ${user.index}" }, name: meter }
TELL
  pour: [ tcp.dump: { to: lake, bytes: 20MB, streams: 3, source: random, checksum: true, name: pour } ]
  say: [ { job.run: { program: say, args: { what: "${user.index}" }, name: say }, expect: { exit: 0 } } ]
populations:
  visitors: { tasks: visit, load: { users: 8 }, stop_after: { iterations: 200 } }
  talkers: { tasks: talk, load: { users: 8 }, stop_after: { iterations: 200 } }
  mosquitto: { tasks: mosquitto, load: { users: 8 }, stop_after: { iterations: 100 } }
  paho: { tasks: paho, load: { users: 8 }, stop_after: { iterations: 100 } }
  lake: { tasks: pour, load: { users: 1 }, stop_after: { iterations: 2 } }
  sayers: { tasks: say, load: { users: 2 }, stop_after: { iterations: 10 } }
outputs: [ jsonl: { file: "${env.SAMPLES}" }, prometheus: { listen: "127.0.0.1:0", linger: 0s } ]
run: { valid: { lag: 10s } }
""".replace("TELL", "\n".join(f"""
  {client}:
    - mqtt.connect: {{ to: broker, client: {client}, name: connect }}
    - mqtt.subscribe: {{ to: broker, topic: "{client}/${{user.index}}", qos: 1, name: subscribe }}
    - mqtt.publish: {{ to: broker, topic: "{client}/${{user.index}}", qos: 1, payload: {{ text: "told ${{user.index}}" }}, name: publish }}
    - mqtt.expect: {{ to: broker, topic: "{client}/${{user.index}}", timeout: 5s, name: hear }}
      expect: {{ payload: "told ${{user.index}}" }}
""" for client in ("mosquitto", "paho")))


def ours():
    """Protocols and outputs of this repository, against servers that share no code with them."""
    site, broker, city = Nginx(), Mosquitto(), City()
    seen = {}
    for flags in ((), (CHECKED,)):
        before = city.counters()
        samples = file_path("samples.jsonl")
        run = squall(OURS, "--shards", "2", *flags, city=city, limit_s=120,
                     env={"SITE": site.url, "BROKER": broker.url, "SAMPLES": samples, "CITY_UDP_ECHO": f"udp://127.0.0.1:{city.udp_echo}",
                          "SQUALL_CHECK_PLUGINS": "0"})
        what = " ".join(flags) or "plain"
        expect_passed(run, what)
        expect_equal([(s["name"], s["error_details"]) for s in run.result["series"] if s["failed"]], [], f"{what}: failures")
        after = city.counters_when(lambda counters: counters["udp"]["datagrams"] >= before["udp"]["datagrams"] + 200)
        with open(samples) as file:
            lines = sum('"type":"sample"' in line.replace(" ", "") for line in file)
        told = sum(s["count"] for s in run.result["series"])
        seen[flags] = {
            "operations": {f"{s['population']}.{s['name']}": s["count"] for s in run.result["series"]},
            "bytes": {name: (run.one(name=name)["sent_bytes"], run.one(name=name)["received_bytes"]) for name in ("get", "new", "pour")},
            "nginx": len(site.new_lines_when(600)),
            "http": after["http"]["requests"] - before["http"]["requests"],
            "dump": after["dump"]["bytes"] - before["dump"]["bytes"],
            "udp": after["udp"]["datagrams"] - before["udp"]["datagrams"],
            "samples": (lines, told),
        }
        expect(lines > 0, f"{what}: no samples")
    expect_equal(seen[(CHECKED,)], seen[()], "what operations and servers count")
    figure(f"with the checks and without: {seen[()]}")
    expect_equal(broker.published_when(400), 400, "mosquitto's messages of both runs")


if __name__ == "__main__":
    show(lent, given, answered, of_outputs, of_tasks, pieces, is_said, ours)
