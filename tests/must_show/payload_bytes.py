"""What is sent is a function of the seed, the population, the user (or arrival) and its turn: equal to the byte for 1, 2
and 4 shards, in fleet, open and closed load, of every kind of payload; another seed changes what is drawn and nothing
else. And the distributions of workload classes, from what really arrived.

The judge: a server of its own for HTTP, framed TCP and UDP that keeps every body, and mosquitto with mosquitto_sub.
What hangs on the wall clock (`now.…`, `daily`) is sent under names with n_ and left out of every comparison. In open load
who takes an arrival depends on who is free: what hangs on the user (`user.…`, `geo.point`, `fixed`) has names with u_
and is left out there. Everything else is compared: f_ is fixed, r_ is drawn.
"""
import asyncio
import json
import math
import os
import re
import shutil
import subprocess
import threading

from harness import (BIN, DEADLINE_S, ROOT, City, Mosquitto, Skipped, expect, expect_closed, expect_equal, expect_near,
                     figure, file_path, program, show, squall, start, wait_until)

# ---- the server --------------------------------------------------------------------------------------------


class Recorder:
    """Keeps each body: HTTP on `http` as (path, headers, body), TCP with a four-byte length and UDP as (bytes)."""

    def __init__(self, keep=True):
        self.keep = keep
        self.requests, self.frames, self.datagrams = [], [], []
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(DEADLINE_S)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)

        async def begin():
            http = await asyncio.start_server(self._http, "127.0.0.1", 0, backlog=4096)
            tcp = await asyncio.start_server(self._tcp, "127.0.0.1", 0)
            datagrams = self.datagrams

            class Udp(asyncio.DatagramProtocol):
                def datagram_received(self, data, _):
                    datagrams.append(data)
            udp, _ = await self.loop.create_datagram_endpoint(Udp, local_addr=("127.0.0.1", 0))
            import socket
            udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.http, self.tcp = (server.sockets[0].getsockname()[1] for server in (http, tcp))
            self.udp = udp.get_extra_info("sockname")[1]
            ready.set()
        self.loop.run_until_complete(begin())
        self.loop.run_forever()

    async def _http(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                if headers.get("transfer-encoding", "") == "chunked":
                    body = b""
                    while size := int((await reader.readline()).split(b";")[0], 16):
                        body += await reader.readexactly(size)
                        await reader.readexactly(2)
                    await reader.readline()
                else:
                    body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((head[0].split(" ")[1], headers, body if self.keep else len(body)))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _tcp(self, reader, writer):
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                self.frames.append(await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def clear(self):
        for list_ in (self.requests, self.frames, self.datagrams):
            list_.clear()

    def env(self):
        return {"HTTP": f"http://127.0.0.1:{self.http}", "TCP": f"tcp://127.0.0.1:{self.tcp}",
                "UDP": f"udp://127.0.0.1:{self.udp}"}


class Messages:
    """mosquitto_sub: topic and payload of each message."""

    def __init__(self, broker, topic, what="%x"):
        self.path = file_path("messages.txt")
        words = [program("stdbuf"), "-oL", program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(broker.port), "-t", topic, "-q", "1",
                 "-d", "-F", f"message %t {what}"]
        self.process = start(words, stdout=open(self.path, "w"), stderr=subprocess.STDOUT)
        wait_until(lambda: "SUBACK" in self.text(), "mosquitto_sub's subscription")

    def text(self):
        with open(self.path, errors="replace") as file:
            return file.read()

    def messages(self):
        lines = [line for line in self.text().split("\n")[:-1] if line.startswith("message ")]
        return [tuple((line.split(" ", 2) + [""])[1:3]) for line in lines]


# ---- every kind of payload ---------------------------------------------------------------------------------

# JSON as text: strings in quotes, numbers and JSON without.
GENERATORS = """{
"f_seq": ${seq}, "f_seq_from": ${seq(10, 5)}, "f_sum": ${add(1, 2)}, "f_sub": ${sub(1, 2)}, "f_mul": ${mul(3, 1.5)},
"f_div": ${div(7, 2)}, "f_mod": ${mod(seq, 4)}, "f_min": ${min(3, 1)}, "f_max": ${max(3, 1)}, "f_round": ${round(2.5)},
"f_floor": ${floor(2.5)}, "f_abs": ${abs(-3)}, "f_crc16": "${crc16('a')}", "f_crc32": "${crc32('a')}", "f_md5": "${md5('a')}",
"f_sha1": "${sha1('a')}", "f_sha256": "${sha256('a')}", "f_hmac": "${hmac.sha256('k', 'a')}", "f_base64": "${base64('a')}",
"f_uuid_of": "${uuid.of(concat('lamp-', seq))}", "f_hex_encode": "${hex.encode('a')}", "f_hex_int": "${hex.int(seq, 4)}",
"f_url": "${urlencode('a b')}", "f_json": ${json('a')}, "f_upper": "${upper('a')}", "f_lower": "${lower('A')}",
"f_pad": "${pad(seq, 5)}", "f_fixed": ${fixed(1.005, 2)}, "f_concat": "${concat('a', 1)}", "f_repeat": "${repeat('ab', 3)}",
"f_substr": "${substr('abcdef', 2, 2)}", "f_length": ${length('abc')},
"r_uuid": "${uuid}", "r_int": ${rand.int(0, 1000000)}, "r_float": ${rand.float(0, 1)}, "r_normal": ${rand.normal(10, 3)},
"r_lognormal": ${rand.lognormal(10, 0.5)}, "r_exp": ${rand.exp(10)}, "r_rand_hex": "${rand.hex(9)}", "r_hex": "${hex(9)}",
"r_string": "${rand.string(12)}", "r_bytes": "${base64(rand.bytes(12))}", "r_pattern": "${rand.pattern('AA-999-aa')}",
"r_choice": "${choice(a, b, c)}", "r_walk": ${walk(level, 50, 5.5, 0, 100)}, "r_register": ${walk(register, 0, rand.int(1, 9))},
"r_markov": "${markov(bay, 'free*3 > busy', 'busy*2 > free:9 broken:1', 'broken > free')}",
"r_geo_walk": ${geo.walk(bus, 4.9, 52.37, 80, 2000)}, "r_crc_before": "${crc16()}", "r_sha_before": "${sha256()}",
"u_index": ${user.index}, "u_iteration": ${user.iteration}, "u_point": ${geo.point(lamp, 4.8, 52.3, 5.0, 52.4)},
"n_iso": "${now.iso}", "n_now": "${now}", "n_iso_s": "${now.iso_s(-5m)}", "n_date": "${now.date}", "n_time": "${now.time}", "n_dsmr": "${now.dsmr}",
"n_unix": ${now.unix}, "n_ms": ${now.unix_ms}, "n_us": ${now.unix_us}, "n_ns": ${now.unix_ns}, "n_daily": ${daily('6:1', '18:9')}
}
"""
DRAWN = {  # as fields of a payload; the names say whether they are drawn, and whether once for the user
    "f_constant": 12, "f_trace": "{ trace: { file: trace.csv, column: value } }", "r_uniform": "{ uniform: [ 1, 1000000 ] }",
    "r_normal": "{ normal: [ 10, 3 ], min: 8 }", "r_lognormal": "{ lognormal: { p50: 10, p90: 30 } }", "r_exponential": "{ exponential: 7, max: 70 }",
    "r_pareto": "{ pareto: { shape: 2.5, min: 20 }, max: 200, over: clip }", "r_zipf": "{ zipf: { s: 1.0, n: 1498 } }",
    "r_beta": "{ beta: [ 3, 4 ] }", "r_geometric": "{ geometric: 4 }", "r_choice": "{ choice: { a: 3, b: 2, c: 1 } }",
    "r_histogram": "{ histogram: { 0-1: 3, 1-5: 9 } }", "r_quantiles": "{ quantiles: [ 0, 1, 5, 9 ] }",
    "r_markov": "{ markov: { on: { dwell: { geometric: 2 }, to: off }, off: { to: { on: 2, off: 1 } } } }",
    "u_fixed": "{ fixed: { uniform: [ 0.0, 1.0 ] } }"}
PAYLOADS = f"""
  generators: {{ template: generators.json }}
  drawn:
    json: {{ {", ".join(f'{name}: "${{{name}}}"' for name in DRAWN)} }}
    fields: {{ {", ".join(f"{name}: {how}" for name, how in DRAWN.items())} }}
  text: {{ text: "reading ${{seq}} ${{rand.normal(20, 2)}}\\n" }}
  cbor: {{ json: {{ n: "${{seq}}", v: "${{rand.float(0, 1)}}", s: [ a, 1.5 ] }}, format: cbor }}
  msgpack: {{ json: {{ n: "${{seq}}", v: "${{rand.float(0, 1)}}" }}, format: msgpack }}
  packed:
    bytes: [ text: T2, u16be: "${{mod(seq, 65536)}}", f32le: "${{rand.normal(1, 2)}}", u24be: {{ uniform: [ 0, 999999 ] }}, random: {{ uniform: [ 10, 90 ] }},
             bits: [ 3: 5, 13: "${{rand.int(0, 8191)}}" ], sized: {{ u16be: [ text: "${{hex(6)}}" ] }}, repeat: {{ count: {{ uniform: [ 1, 4 ] }}, bytes: [ u8: "${{rand.int(0, 255)}}" ] }}, crc16: be ]
  protobuf: {{ protobuf: {{ 1: "${{seq}}", 2: {{ 1: bus, 2: {{ float: "${{walk(lat, 52.37, 0.001, 52.3, 52.4)}}" }} }}, 3: {{ fixed64: "${{rand.int(0, 999999)}}" }}, 4: {{ each: {{ count: {{ uniform: [ 0, 3 ] }}, of: {{ 1: "${{hex(4)}}" }} }} }} }} }}
  form: {{ multipart: [ {{ name: event, json: {{ n: "${{seq}}", plate: "${{rand.pattern('AA-999-AA')}}" }} }}, {{ name: crop, filename: crop.jpg, size: {{ lognormal: {{ median: 2kB, sigma: 0.35 }} }}, magic: FFD8FFE0 }}, {{ name: log, file: log.txt, chunk: 100B }} ] }}
  blob: {{ size: {{ lognormal: {{ median: 3kB, sigma: 0.5 }} }}, magic: FFD8FFE0 }}
  entropy: {{ size: {{ uniform: [ 1kB, 4kB ] }}, entropy: 5.5 }}
  compressible: {{ size: 4kB, compressible: 4 }}
  zero: {{ size: 1kB, source: zero }}
  pattern: {{ size: 1000, source: pattern }}
  chunk: {{ file: log.txt, chunk: 1kB }}
  random_chunk: {{ file: log.txt, chunk: {{ uniform: [ 1kB, 3kB ] }}, order: random }}
  folder: {{ file: pictures }}
  lanes: {{ text: "[${{lanes}}]", each: {{ lanes: {{ count: {{ choice: {{ 4: .2, 8: .6, 12: .2 }} }}, fields: {{ v: "${{rand.int(20, 80)}}" }}, template: lane.json }} }} }}
  gzip: {{ json: {{ n: "${{seq}}", id: "${{uuid}}", text: "${{repeat('0123456789', 20)}}" }}, encode: gzip }}
  deflate: {{ text: "${{seq}} ${{repeat(rand.string(4), 20)}}", encode: deflate }}
  zstd: {{ text: "${{seq}} ${{repeat(rand.string(4), 20)}}", encode: zstd }}
  pad: {{ json: {{ n: "${{seq}}", id: "${{uuid}}", filler: "${{filler}}" }}, pad: {{ field: filler, to: 500 }} }}
"""
KINDS = re.findall(r"^  (\w+):", PAYLOADS, re.M)
FIXED_KINDS = {"zero", "pattern", "chunk", "folder"}    # with another seed as well

WHO = {"fleet": "${user.index}.${user.iteration}", "closed": "${user.index}.${user.iteration}", "open": "${arrival.index}"}


def steps(population, has_broker):
    who = WHO[population]
    lines = [f'http.post: {{ to: web, path: "/{population}/{kind}/{who}", payload: {kind}, name: {population}-{kind} }}' for kind in KINDS]
    lines.append(f'tcp.send: {{ to: lines, framing: length-prefix, name: {population}-tcp, payload: {{ bytes: [ text: "{population}/tcp/{who} ", '
                 'u32be: "${seq}", random: { uniform: [ 10, 90 ] }, crc32: le ] } }')
    lines.append(f'udp.send: {{ to: road, name: {population}-udp, payload: {{ bytes: [ text: "{population}/udp/{who} ", u32be: "${{seq}}", '
                 'random: { lognormal: { mean: 328, sd: 110 }, min: 190, max: 790 } ] } }')
    if has_broker:
        lines.append(f'mqtt.publish: {{ to: broker, topic: "proof/{population}/mqtt/{who}", qos: 1, name: {population}-mqtt, '
                     'payload: { text: "${seq} ${rand.normal(0, 1)} ${walk(pressure, 4, 0.2)}" } }')
    if population == "closed":   # in step, so that each of them does as much as the others
        lines.insert(0, "barrier: { name: gate, timeout: 60s }")
    return "".join(f"\n    - {line}" for line in lines)


def scenario(has_broker):
    return f"""
targets: {{ web: "${{env.HTTP}}", lines: "${{env.TCP}}", road: "${{env.UDP}}"{', broker: "${env.BROKER}"' if has_broker else ""} }}
payloads:{PAYLOADS}
tasks:
  fleet:{steps("fleet", has_broker)}
  closed:{steps("closed", has_broker)}
  open:{steps("open", has_broker)}
populations:
  fleet: {{ tasks: fleet, load: {{ users: 16, every: 400ms, jitter: 10%, phase: random }} }}
  closed: {{ tasks: closed, load: {{ users: 8 }}, stop_after: {{ iterations: 32 }} }}
  open: {{ tasks: open, load: {{ rate: 40/s, arrivals: poisson }} }}
run: {{ for: 1200ms, drain: 60s, valid: {{ lag: 60s }} }}
"""


def write_inputs():
    folder = file_path("scenario")
    os.makedirs(os.path.join(folder, "pictures"))
    files = {"generators.json": GENERATORS, "lane.json": '{"lane": ${index}, "v": ${v}, "id": "${hex(4)}"}',
             "trace.csv": "value\n" + "\n".join(str(3 * i % 7 + i) for i in range(23)) + "\n",
             "log.txt": "".join(f"line {i} {i * 7919 % 1009}\n" for i in range(2000)),
             "pictures/a.jpg": "A" * 100, "pictures/b.jpg": "B" * 200, "pictures/c.jpg": "C" * 300}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    return folder


def comparable(population, kind, body):
    """The body; of the two that have names, those fields that are compared in this population."""
    if kind not in ("generators", "drawn"):
        return body
    left_out = ("n_", "u_") if population == "open" else ("n_",)
    return tuple((name, value) for name, value in
                 ((name, json.dumps(value)) for name, value in json.loads(body).items()) if not name.startswith(left_out))


class Sent:
    """One run: what arrived, {(population, kind): {who: body}}."""

    def __init__(self, folder, shards, seed, recorder, broker):
        recorder.clear()
        subscriber = Messages(broker, "proof/#") if broker else None
        path = os.path.join(folder, "kinds.yaml")
        with open(path, "w") as file:
            file.write(scenario(broker is not None))
        run = squall(path, "--shards", str(shards), "--seed", str(seed), env={**recorder.env(), **({"BROKER": broker.url} if broker else {})})
        self.what = f"{shards} shards, seed {seed}"
        expect_equal(run.code, 0, f"{self.what}: exit code ({run.last_line()})")
        expect_closed(run, self.what)
        count = lambda ending: sum(s["count"] for s in run.result["series"] if s["name"].endswith(ending))
        expect_equal(sum(s["failed"] + s["cut"] for s in run.result["series"]), 0, f"{self.what}: failed and cut")
        wait_until(lambda: len(recorder.frames) >= count("-tcp"), "frames")
        wait_until(lambda: len(recorder.datagrams) >= count("-udp"), "datagrams")
        found = [("/".join(path.split("/")[1:]), body) for path, _, body in recorder.requests]
        found += [(first.decode(), rest) for first, _, rest in (body.partition(b" ") for body in recorder.frames + recorder.datagrams)]
        if subscriber:
            wait_until(lambda: len(subscriber.messages()) >= count("-mqtt"), "messages of mosquitto_sub")
            found += [(topic[len("proof/"):], bytes.fromhex(payload)) for topic, payload in subscriber.messages()]
        self.bodies = {}
        for place, body in found:
            population, kind, who = place.split("/")
            known = self.bodies.setdefault((population, kind), {})
            expect(who not in known, f"{self.what}: {place} came twice")
            known[who] = comparable(population, kind, body)
        self.count, self.bytes = len(found), sum(len(body) for _, body in found)


def payload_bytes():
    folder, recorder = write_inputs(), Recorder()
    try:
        broker = Mosquitto()
    except Skipped as why:
        broker = None
        print(f"without MQTT: {why}")
    first = Sent(folder, 1, 7, recorder, broker)
    wanted = {(population, kind) for population in WHO for kind in KINDS + ["tcp", "udp"] + (["mqtt"] if broker else [])}
    expect_equal(set(first.bodies), wanted, "kinds that arrived")
    expect_equal({population: len(first.bodies[population, "text"]) for population in ("fleet", "closed")}, {"fleet": 48, "closed": 32},
                 "iterations of devices and of users in step")
    for shards in (2, 4, 4):
        other = Sent(folder, shards, 7, recorder, broker)
        for key in sorted(wanted):
            ours, theirs = first.bodies.get(key, {}), other.bodies.get(key, {})
            expect_equal(sorted(theirs), sorted(ours), f"{other.what}: {'/'.join(key)}: who sent")
            differ = [who for who in ours if who in theirs and ours[who] != theirs[who]]
            expect(not differ, f"{other.what}: {'/'.join(key)}: {len(differ)} of {len(ours)} differ from one shard's, as "
                   f"{differ[:1] and difference(ours[differ[0]], theirs[differ[0]])}")
    figure(f"{first.count} messages of {len(wanted)} kinds, {first.bytes} bytes, equal for 1, 2 and 4 shards, and again for 4")

    another = Sent(folder, 2, 8, recorder, broker)
    fixed = drawn = 0
    for key in sorted(wanted):
        ours, theirs = first.bodies[key], another.bodies.get(key, {})
        both = [who for who in ours if who in theirs]
        expect(len(both) > 10, f"{'/'.join(key)}: {len(both)} in both seeds")
        if key[1] not in ("generators", "drawn"):
            same = all(ours[who] == theirs[who] for who in both)
            expect(same == (key[1] in FIXED_KINDS), f"another seed, {'/'.join(key)}: {'nothing' if same else 'something'} differs")
            fixed, drawn = fixed + (key[1] in FIXED_KINDS), drawn + (key[1] not in FIXED_KINDS)
            continue
        for name, _ in ours[both[0]]:
            same = all(dict(ours[who])[name] == dict(theirs[who])[name] for who in both)
            is_fixed = name.startswith("f_") or name in ("u_index", "u_iteration")
            expect(same == is_fixed, f"another seed, {'/'.join(key)}: {name} is {'the same' if same else 'another'}")
            fixed, drawn = fixed + is_fixed, drawn + (not is_fixed)
    figure(f"another seed: {drawn} drawn fields and kinds differ, {fixed} fixed ones do not")


def difference(ours, theirs):
    if isinstance(ours, bytes):
        return f"{ours[:60]!r} and {theirs[:60]!r}"
    return [(a, b) for a, b in zip(ours, theirs) if a != b][:3]


def every_generator_is_sent():
    with open(os.path.join(ROOT, "docs/scenario.md")) as file:
        table = re.search(r"^### Generators$(.*?)^##", file.read(), re.M | re.S).group(1)
    names = re.findall(r"^\| `([\w.]+)(?:\(.*?\))?`", table, re.M)
    expect(len(names) > 50, f"only {len(names)} generators in docs/scenario.md")
    missing = [name for name in names if not re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", GENERATORS)]
    expect_equal(missing, [], "generators that the messages are not made of")


# ---- what distributions must keep, from what arrived --------------------------------------------------------


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def cut(cdf, low, high=math.inf):
    """The distribution function of what is drawn anew until it lies between two ends."""
    first, last = cdf(low), cdf(high)
    return lambda x: min(1, max(0, (cdf(x) - first) / (last - first)))


def normal(mean, sd):
    return lambda x: phi((x - mean) / sd)


def lognormal(median, sigma):
    return lambda x: phi(math.log(x / median) / sigma) if x > 0 else 0


def lognormal_by_mean(mean, sd):
    variance = math.log1p((sd / mean) ** 2)
    return lognormal(mean * math.exp(-variance / 2), math.sqrt(variance))


def expect_ks(values, cdf, what, is_rounded=False):
    """Kolmogorov and Smirnov at alpha = 0.01: D < 1.63 / sqrt(n), 0.0163 for 10,000. Whole numbers that were rounded
    are compared where one ends and the next begins."""
    values = sorted(values)
    n, largest, done = len(values), 0, 0
    for i, value in enumerate(values):
        if i + 1 < n and values[i + 1] == value:
            continue
        low, high = (cdf(value - 0.5), cdf(value + 0.5)) if is_rounded else (cdf(value), cdf(value))
        largest = max(largest, abs(low - done / n), abs(high - (i + 1) / n))
        done = i + 1
    expect(n > 20 and largest < 1.63 / math.sqrt(n), f"{what}: D = {largest:.4f} of {n} values, at most {1.63 / math.sqrt(n):.4f}")
    return f"{what} D {largest:.4f} < {1.63 / math.sqrt(n):.4f} (n {n})"


def expect_mean(values, mean, sd, what):
    values = list(values)
    expect_near(sum(values) / len(values), mean, 3 * sd / math.sqrt(len(values)), f"{what}: mean of {len(values)}, 3 sd/√n")
    return f"{what} mean {sum(values) / len(values):.1f} of {mean} (n {len(values)})"


def expect_shares(values, shares, limit, what):
    values = list(values)
    expected = {value: share * len(values) for value, share in shares.items()}
    expect_equal(set(values) - set(shares), set(), f"{what}: other values")
    chi = sum((values.count(value) - count) ** 2 / count for value, count in expected.items())
    expect(chi < limit, f"{what}: χ² = {chi:.2f} of {len(values)} values, at most {limit} (p = 0.01)")
    return f"{what} χ² {chi:.2f} < {limit} (n {len(values)})"


def city_mix_distributions():
    """examples/city-mix.yaml as it stands, ten times as fast; only connecting is shortened, and the lamps are a tenth of
    the number, each due ten times as often."""
    recorder, broker = Recorder(), Mosquitto()
    meters, others = Messages(broker, "city/M2/#"), Messages(broker, "city/+/+", "%l")
    folder = file_path("city-mix")
    shutil.copytree(os.path.join(ROOT, "examples"), folder)
    path = os.path.join(folder, "city-mix.yaml")
    with open(path) as file:
        text = file.read().replace("connect_over: 10s", "connect_over: 1s").replace("users: 5800, every: 900s", "users: 580, every: 90s")
    with open(path, "w") as file:
        file.write(text.replace("lag: 20ms", "lag: 60s"))
    samples = file_path("samples.jsonl")
    env = {"CITY_HTTP": f"http://127.0.0.1:{recorder.http}", "CITY_UDP": f"udp://127.0.0.1:{recorder.udp}", "CITY_BROKER": broker.url}
    run = squall(path, "--compress", "10", "--for", "4s", "--shards", "2", "--out", f"jsonl={samples}", env=env)
    expect_equal(run.code, 0, f"city-mix: exit code ({run.last_line()})")
    expect_closed(run, "city-mix")
    count = {s["population"]: s["count"] for s in run.result["series"] if not s["name"].startswith("mqtt.connect") and s["operation"] != "mqtt.connect"}
    wait_until(lambda: len(recorder.datagrams) >= count["T2"] + count["V1"], "datagrams")
    wait_until(lambda: len(meters.messages()) >= count["M2"], "messages of M2")
    wait_until(lambda: len(others.messages()) >= sum(count[name] for name in ("M2", "L1", "P1", "B1")), "messages")
    sizes, bodies = {}, {}
    for path, headers, body in recorder.requests:
        if name := headers.get("x-class"):
            sizes.setdefault(name, []).append(len(body))
            bodies.setdefault(name, []).append(body)
    for body in recorder.datagrams:
        sizes.setdefault(body[:2].decode(), []).append(len(body))
    for topic, length in others.messages():
        sizes.setdefault(topic.split("/")[1], []).append(int(length))
    for name in ("T2", "V1", "M2", "L1", "B1", "P1", "A1", "T1", "C2", "K1"):
        expect_equal(len(sizes.get(name, [])), count[name], f"city-mix: messages of {name}")
    for name, size in (("P1", 240), ("B1", 117), ("K1", 1797)):
        expect_equal(set(sizes[name]), {size}, f"city-mix: sizes of {name}")
    notes = [len(re.search(rb"0-0:96\.13\.0\((3*)\)", bytes.fromhex(payload)).group(1)) for _, payload in meters.messages()]
    lanes = [len(json.loads(body)) for body in bodies["T1"]]
    figure("; ".join([
        expect_mean(sizes["M2"], 890, 15, "M2"), expect_ks(notes, cut(normal(39, 15), 0), "M2's note, normal from 0 up", True),
        expect_mean(sizes["L1"], 280, 30, "L1"), expect_mean(sizes["A1"], 1733, 87, "A1"),
        expect_shares(lanes, {4: .2, 8: .6, 12: .2}, 9.21, "T1's lanes"),
        expect_ks([size - 10 for size in sizes["T2"]], lambda x: min(1, max(0, (x - 139.5) / 201)), "T2, uniform over whole numbers", True),
        expect_ks([size - 10 for size in sizes["V1"]], cut(lognormal_by_mean(328, 110), 190, 790), "V1, lognormal from 190 to 790", True),
        expect_ks(sizes["C2"], lognormal(120e3, 0.5), "C2, lognormal", True),
        expect_mean(sizes["C2"], 120e3 * math.exp(0.125), 120e3 * math.exp(0.125) * math.sqrt(math.exp(0.25) - 1), "C2")]))
    due_times(samples, count)


def read_samples(path):
    """[(population, user, due_ns, start_ns, end_ns)] of a jsonl output, without connects."""
    populations, found = {}, []
    with open(path) as file:
        for line in file:
            row = json.loads(line)
            if row["type"] == "series" and row["operation"] != "mqtt.connect":
                populations[row["id"]] = row["population"]
            elif row["type"] == "sample" and row["series"] in populations:
                found.append((populations[row["series"]], row["user"], row["due_ns"], row["start_ns"], row["end_ns"]))
    return found


def due_times(path, count):
    """Phases, jitter and periods of devices, by when each message was due."""
    due = {}
    for population, user, due_ns, _, _ in read_samples(path):
        due.setdefault(population, {}).setdefault(user, []).append(due_ns)
    begin = min(at for times in due["T2"].values() for at in times)    # aligned: the first of them is at 0
    figures = []
    for name, period_ms in (("L1", 9000), ("C2", 6000), ("B1", 1000), ("A1", 14500)):
        gaps = {later - earlier for times in map(sorted, due[name].values()) for earlier, later in zip(times, times[1:])}
        expect(gaps <= {period_ms * 1_000_000}, f"{name}: gaps {sorted(gaps)[:3]}, not the period of {period_ms} ms")
    figures.append(expect_ks([(min(times) - begin) / 1e9 for times in due["B1"].values()], lambda x: min(1, max(0, x)), "B1's phase, uniform"))
    gaps = [(times[i + 1] - times[i]) / 1e6 - 1000 for times in map(sorted, due["M2"].values()) for i in range(0, len(times) - 1, 2)]
    # The difference of two offsets, each uniform within 20 ms.
    triangle = lambda x: 0 if x < -40 else 1 if x > 40 else (x + 40) ** 2 / 3200 if x < 0 else 1 - (40 - x) ** 2 / 3200
    figures.append(expect_ks(gaps, triangle, "M2's jitter"))
    expect_equal({(at - begin) % 50_000_000 for times in due["T2"].values() for at in times}, {0}, "T2: due times beside the common period")
    figure("; ".join(figures))


def poisson_arrivals():
    """Ticket taps of the city mix, faster: gaps between arrivals by when they were due."""
    recorder, samples = Recorder(keep=False), file_path("samples.jsonl")
    run = squall(os.path.join(ROOT, "examples/city-mix.yaml"), "--only", "K1", "--rate", "1000/s", "--for", "3s", "--shards", "2",
                 "--out", f"jsonl={samples}", env={"CITY_HTTP": f"http://127.0.0.1:{recorder.http}"})
    expect(run.result is not None and run.one(population="K1")["failed"] == 0, f"K1: {run.last_line()}")
    expect_closed(run, "K1")
    due = sorted(at for _, _, at, _, _ in read_samples(samples))
    gaps = [(b - a) / 1e6 for a, b in zip(due, due[1:])]
    figure(expect_ks(gaps, lambda x: 1 - math.exp(-x), "K1's gaps, exponential of 1 ms") + "; " +
           expect_mean(gaps, 1, 1, "K1's gaps"))


def think_times():
    """examples/cms: the time between a visitor's first page and the next is exponential, cut at ten means."""
    city, samples = City(), file_path("samples.jsonl")
    run = squall(os.path.join(ROOT, "examples/cms/cms.yaml"), "--profile", "1", "--compress", "20", "--out", f"jsonl={samples}",
                 "--set", "stages=[{for: 5s, users: 1000, jump: true}]", city=city, env={"CITY_CMSJOB": os.path.join(BIN, "cmsjob")})
    expect_closed(run, "cms")
    times = {}
    for population, user, _, begun, ended in read_samples(samples):
        if population == "visitors":
            times.setdefault(user, []).append((begun, ended))
    waits = [(pages[1][0] - pages[0][1]) / 1e9 for pages in map(sorted, times.values()) if len(pages) > 1]
    expect(len(waits) > 990, f"cms: {len(waits)} visitors looked at a second page")
    expect(max(waits) < 3.5 + 0.5, f"cms: a wait of {max(waits):.2f} s")
    figure(expect_ks(waits, cut(lambda x: 1 - math.exp(-max(x, 0) / 0.35), 0, 3.5), "cms: think times, exponential cut at 3.5 s") + "; " +
           expect_mean(waits, 0.35, 0.35, "cms: think times"))


show(every_generator_is_sent, payload_bytes, city_mix_distributions, poisson_arrivals, think_times)
