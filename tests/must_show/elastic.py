"""A run in Elasticsearch is the run: the windows' sums are the result's, each second's users and probe values the timeline's,
and whatever becomes of the server in between, each item is delivered once, rejected, spooled or dropped, and told as that.

The judge: a strict `_bulk` of this script, which takes only what Elasticsearch's data streams take (NDJSON, `create`, ids, fields
of the types of the templates that it was given). Elasticsearch itself is not in Debian; its Python client is, and it is used to
see that the judge answers as a server does.
"""
import datetime
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import urllib.parse

from harness import ROOT, City, Run, Skipped, check, expect, expect_equal, expect_passed, figure, file_path, program, show, squall, wait_until

SCENARIO = """
targets: {{ site: "${{env.CITY_HTTP}}", meter: "{meter}" }}
probes: {{ load: {{ to: meter, path: /, regex: 'load (\\d+)' }} }}
tasks:
  visit: [ http.get: {{ to: site, path: /, name: visit }} ]
  stray: [ http.get: {{ to: site, path: /missing, name: stray }} ]
populations:
  visitors: {{ tasks: visit, load: {{ rate: {rate}/s }} }}
  strays: {{ tasks: stray, load: {{ rate: 10/s }} }}
run: {{ for: {seconds}s, warmup: 1s, valid: {{ lag: 2s }} }}
outputs: [ elastic: {{ url: "{url}", {options} }} ]
"""
TALLY = re.compile(r"elastic: (?:left by earlier runs: )?(\d+) items = (\d+) delivered \+ (\d+) rejected \+ (\d+) spooled \+ (\d+) dropped")


# ---- the judge ---------------------------------------------------------------------------------------------

class Refused(Exception):
    """A document that Elasticsearch would not take."""


def types_of(mappings, path=""):
    found = {}
    for name, field in mappings.get("properties", {}).items():
        if "type" in field:
            found[path + name] = field["type"]
        found.update(types_of(field, path + name + "."))
    return found


def flat(value, path=""):
    """Fields by path; a histogram is one."""
    for name, part in value.items():
        if isinstance(part, dict) and set(part) != {"values", "counts"}:
            yield from flat(part, path + name + ".")
        else:
            yield path + name, part


def is_histogram(value):
    values, counts = value["values"], value["counts"]
    return len(values) == len(counts) > 0 and values == sorted(set(values)) and all(type(n) is int and n > 0 for n in counts)


FITS = {"keyword": lambda v: type(v) in (str, int), "constant_keyword": lambda v: type(v) is str, "text": lambda v: type(v) is str,
        "long": lambda v: type(v) is int and -2**63 <= v < 2**63, "double": lambda v: type(v) in (int, float),
        "date": lambda v: type(v) is str and datetime.datetime.fromisoformat(v[:19]) and re.fullmatch(r"[-\d]{10}T[:\d]{8}(\.\d{1,9})?Z", v),
        "histogram": is_histogram, "object": lambda v: True}


class Elastic:
    """Data streams in memory. `faults` are done to one bulk request each, by its number from 0; `down()` and `up()` as said."""

    def __init__(self, tls=None, authorization=None):
        self.templates, self.streams, self.complaints = {}, {}, []
        self.faults, self.bulks, self.conflicts, self.template_puts = {}, 0, 0, []
        self.tls, self.authorization = tls, authorization
        self.lock, self.open_sockets, self.server, self.port = threading.Lock(), set(), None, 0
        self.headers_seen = []
        self.up()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    def up(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        server.allow_reuse_address, server.daemon_threads, server.elastic = True, True, self
        server.handle_error = lambda *_: None   # a client that does not trust us, or is gone
        server.server_bind()
        server.server_activate()
        if self.tls:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        self.server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self):
        """Nobody listens any more, and what was open is reset."""
        self.server.shutdown()
        self.server.server_close()
        for open_socket in list(self.open_sockets):
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def documents(self, stream=""):
        return [document for name, documents in self.streams.items() if name.startswith(stream) for document in documents.values()]

    def complain(self, text):
        self.complaints.append(text)
        raise Refused(text)

    def put_template(self, name, body):
        if not (body["index_patterns"] and body["data_stream"] == {} and body["priority"] > 200):
            self.complain(f"template {name} is none of a data stream, or gives way to Elastic's own")
        unknown = set(types_of(body["template"]["mappings"]).values()) - set(FITS)
        if unknown:
            self.complain(f"template {name}: types {unknown}")
        self.template_puts.append(name)
        self.templates[name] = body

    def fields(self, index):
        """Of the template that the index falls to."""
        for body in self.templates.values():
            if any(re.fullmatch(pattern.replace(".", r"\.").replace("*", ".*"), index) for pattern in body["index_patterns"]):
                return types_of(body["template"]["mappings"])
        self.complain(f"no template for {index}")

    def create(self, action, document):
        """Status, type and reason of one item."""
        if list(action) != ["create"]:
            self.complain(f"only [create] is allowed in data streams: {action}")
        meta = action["create"]
        if set(meta) != {"_index", "_id"} or not (0 < len(meta["_id"].encode()) <= 512):
            self.complain(f"an action of {meta}")
        fields = self.fields(meta["_index"])
        given = dict(flat(document))
        if "@timestamp" not in given:
            self.complain("data stream timestamp field [@timestamp] is missing")
        for name, value in given.items():
            kind = "keyword" if name.startswith("labels.") else fields.get(name)
            if kind is None:
                self.complain(f"{meta['_index']}: no field {name} in its template")
            if value is not None and not FITS[kind](value):
                self.complain(f"failed to parse field [{name}] of type [{kind}]: {value!r}")
        if not meta["_index"].endswith("-" + given.get("data_stream.namespace", "?")):
            self.complain(f"{meta['_index']} is of another namespace")
        stream = self.streams.setdefault(meta["_index"], {})
        if meta["_id"] in stream:
            self.conflicts += 1
            return 409, "version_conflict_engine_exception", "document already exists"
        stream[meta["_id"]] = given
        return 201, None, None

    def bulk(self, body, fault):
        """(status, answer): the answer in the shape that filter_path asks for."""
        if not body.endswith(b"\n"):
            self.complaints.append("the body does not end with a line end")
            return 400, {"error": {"type": "illegal_argument_exception", "reason": "The bulk request must be terminated by a newline [\\n]"}}
        lines = [json.loads(line) for line in body[:-1].split(b"\n")]
        if len(lines) % 2:
            self.complaints.append("an action without its document")
            return 400, {"error": {"type": "illegal_argument_exception", "reason": "an action without its document"}}
        items = []
        for i, (action, document) in enumerate(zip(lines[::2], lines[1::2])):
            status, kind, reason = fault.get("items", {}).get(i, (0, None, None))
            if not status:
                try:
                    status, kind, reason = self.create(action, document)
                except Refused as why:
                    status, kind, reason = 400, "document_parsing_exception", str(why)
            items.append({next(iter(action)): {"status": status, **({"error": {"type": kind, "reason": reason}} if kind else {})}})
        return 200, {"took": 3, "errors": any("error" in next(iter(item.values())) for item in items), "items": items}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.elastic.open_sockets.add(self.connection)

    def finish(self):
        self.server.elastic.open_sockets.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def answer(self, status, body, **headers):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def handle_any(self):
        elastic = self.server.elastic
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urllib.parse.urlsplit(self.path).path
        with elastic.lock:
            elastic.headers_seen.append(dict(self.headers))
            if elastic.authorization and self.headers.get("Authorization") != elastic.authorization:
                # It says what it was sent, as no server should.
                return self.answer(401, {"error": {"type": "security_exception", "reason": f"not {self.headers.get('Authorization')}"}, "status": 401})
            if self.command == "GET" and path == "/":
                return self.answer(200, {"version": {"number": "7.17.6", "build_flavor": "default"}, "tagline": "You Know, for Search"})
            if self.command == "PUT" and path.startswith("/_index_template/"):
                elastic.put_template(path.rpartition("/")[2], json.loads(body))
                return self.answer(200, {"acknowledged": True})
            if path != "/_bulk" or self.command not in ("POST", "PUT"):
                elastic.complaints.append(f"{self.command} {self.path}")
                return self.answer(404, {"error": "no handler"})
            if "json" not in self.headers.get("Content-Type", ""):
                elastic.complaints.append(f"Content-Type {self.headers.get('Content-Type')}")
            fault = elastic.faults.get(elastic.bulks, {})
            if callable(fault):
                fault = fault(body.count(b"\n") // 2)
            elastic.bulks += 1
            if "status" in fault:
                return self.answer(fault["status"], {"error": {"type": "busy", "reason": "try later"}}, **fault.get("headers", {}))
            if "larger_than" in fault and body.count(b"\n") // 2 > fault["larger_than"]:
                elastic.bulks -= 1   # the halves meet it too
                return self.answer(413, {"error": {"type": "too_large", "reason": "too large"}})
            status, told = elastic.bulk(body, fault)
            if "broken" in fault:
                return self.answer(200, json.dumps(told).encode()[:-20])
            if "few" in fault:
                return self.answer(200, {**told, "items": told["items"][1:]})
            if "cut" in fault:
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
            self.answer(status, told)

    do_GET = do_PUT = do_POST = handle_any

    def log_message(self, *_):
        pass


def the_judge_is_one_to_elasticsearchs_own_client():
    sys.path.append("/usr/lib/python3/dist-packages")   # Debian's, for a python that is not
    try:
        import elasticsearch
        import elasticsearch.helpers
    except ImportError:
        raise Skipped("python3-elasticsearch is not installed")
    server = Elastic()
    client = elasticsearch.Elasticsearch(server.url, timeout=30)
    fields = {"@timestamp": {"type": "date"}, "squall": {"properties": {"count": {"type": "long"}}},
              "data_stream": {"properties": {"namespace": {"type": "constant_keyword"}}}}
    client.indices.put_index_template(name="mine", body={"index_patterns": ["metrics-mine-*"], "data_stream": {}, "priority": 500,
                                                         "template": {"mappings": {"properties": fields}}})
    good = [{"_op_type": "create", "_index": "metrics-mine-a", "_id": str(i), "@timestamp": "2026-01-01T00:00:00Z", "squall": {"count": i},
             "data_stream": {"namespace": "a"}} for i in range(600)]

    def send(actions, **more):
        return elasticsearch.helpers.bulk(client, actions, raise_on_error=False, **more)
    expect_equal(send(good), (600, []), "new documents")
    count, errors = send(good[:3])
    expect_equal((count, [error["create"]["status"] for error in errors]), (0, [409] * 3), "the same once more")
    for wrong, what in ((good[0] | {"_op_type": "index"}, "another action"), (good[0] | {"_id": "x", "squall": {"count": "many"}}, "another type"),
                        ({k: v for k, v in good[0].items() if k != "@timestamp"}, "no time"), (good[0] | {"_index": "metrics-other-a"}, "no template")):
        count, errors = send([wrong])
        expect_equal((count, [next(iter(error.values()))["status"] for error in errors]), (0, [400]), what)
    server.faults[server.bulks] = {"items": {i: (429, "es_rejected_execution_exception", "busy") for i in range(0, 70, 10)}}
    more = [action | {"_id": f"again {i}"} for i, action in enumerate(good[:500])]
    expect_equal(send(more, max_retries=3, initial_backoff=0.05), (500, []), "7 of 500 items 429: the client sends these again")
    server.down()


# ---- runs --------------------------------------------------------------------------------------------------

class Meter(http.server.BaseHTTPRequestHandler):
    """Says another value each time it is asked."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.value += 7
        body = f"load {self.server.value}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


_meter = []


def meter():
    if not _meter:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Meter)
        server.daemon_threads, server.value, server.handle_error = True, 0, lambda *_: None   # squall is gone: no news
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _meter.append(f"http://127.0.0.1:{server.server_address[1]}")
    return _meter[0]


def text(server, options="", rate=100, seconds=5):
    return SCENARIO.format(url=server.url, options=options, rate=rate, seconds=seconds, meter=meter())


_city = []


def city():
    if not _city or _city[0].process.poll() is not None:
        _city[:] = [City()]
    return _city[0]


def tallies(run):
    """What it said of its own items, and of those that earlier runs had left: (all, delivered, rejected, spooled, dropped)."""
    found = {("earlier" in match[0]): tuple(map(int, match.groups())) for match in TALLY.finditer(run.stderr())}
    if False not in found:
        raise AssertionError(f"no account: {run.stderr()[-500:]}")
    return found[False], found.get(True)


def run_id(run):
    return run.result["run"]["id"]


def of_run(documents, run):
    return [document for document in documents if document["labels.run_id"] == run_id(run)]


def nanoseconds(stamp):
    whole = datetime.datetime.fromisoformat(stamp[:19] + "+00:00")
    return int(whole.timestamp()) * 10**9 + int(stamp[20:29])


def expect_is_the_run(server, run, what):
    """All documents of the run are there, and say what its result says."""
    windows = of_run(server.documents("metrics-squall.window"), run)
    events = of_run(server.documents("logs-squall.event"), run)
    key = ("population", "task", "name", "operation", "phase")
    sums = {}
    for window in windows:
        into = sums.setdefault(tuple(window.get("squall." + part, "") for part in key), [0, 0, 0, 0, 0])
        for i, name in enumerate(("count", "failed", "bytes_out", "bytes_in")):
            into[i] += window["squall." + name]
        into[4] += sum(window.get("squall.latency", {"counts": []})["counts"])
        errors = sum(value for name, value in window.items() if name.startswith("squall.errors."))
        expect_equal(errors, window["squall.failed"], f"{what}: errors of a window")
    ours = {tuple(series[part] for part in key): [series["count"], series["failed"], series["sent_bytes"], series["received_bytes"], series["count"]]
            for series in run.result["series"]}
    expect_equal({k: v for k, v in sums.items() if any(v)}, {k: v for k, v in ours.items() if any(v)}, f"{what}: sums of the windows")
    zero = nanoseconds(next(event["@timestamp"] for event in events if event["event.action"] == "run"))
    seconds = {}
    for gauge in of_run(server.documents("metrics-squall.env"), run):
        second, rest = divmod(nanoseconds(gauge["@timestamp"]) - zero, 10**9)
        expect_equal(rest, 0, f"{what}: where a second begins")
        seconds.setdefault(second, {})[gauge["squall.gauge"]] = gauge["squall.value"]
    lines = {line["second"]: line for line in run.timeline(environment=True)}
    for second, line in lines.items():
        there = seconds.get(second, {})
        wanted = {f"users.{name}": users["present"] for name, users in line["users"].items()}
        wanted |= {"in_flight": line["in_flight"]} | {f"probe.{name}": value for name, value in line["metrics"].items() if value is not None}
        expect_equal({name: there.get(name) for name in wanted}, wanted, f"{what}: second {second}")
    expect(len(lines) >= 5 and any(line["metrics"]["load"] is not None for line in lines.values()), f"{what}: {len(lines)} seconds, with the probe")
    with open(os.path.join(run.folder, "journal.jsonl")) as file:
        journal = sorted((entry["event"], entry["text"]) for entry in map(json.loads, file))
    told = sorted((event["event.action"], event["message"]) for event in events if event["event.action"] != "run")
    expect_equal(told, journal, f"{what}: events")
    expect("files_left_open" not in dict(journal), f"{what}: {dict(journal).get('files_left_open')}")
    expect({"start", "stop", "end"} <= {kind for kind, _ in told}, f"{what}: start, stop and end are among {told}")
    return len(of_run(server.documents(), run))


def expect_clean(server, what):
    expect_equal(server.complaints[:3], [], f"{what}: what Elasticsearch would not have taken")


def documents_are_the_run():
    server = Elastic()
    run = squall(text(server, "namespace: team, samples: failed"), city=city())
    expect_passed(run, "a run")
    expect_clean(server, "a run")
    own, earlier = tallies(run)
    count = expect_is_the_run(server, run, "a run")
    expect_equal(own, (count, count, 0, 0, 0), "the account and what is there")
    expect_equal((earlier, server.conflicts), (None, 0), "of earlier runs, and sent twice")
    expect_equal(sorted(server.template_puts), ["squall-env", "squall-event", "squall-sample", "squall-window"], "templates, each once")
    expect_equal(set(server.streams), {f"{name}-team" for name in ("metrics-squall.window", "metrics-squall.env", "logs-squall.sample", "logs-squall.event")},
                 "the data streams")
    failed = sum(series["failed"] for series in run.result["series"])
    samples = server.documents("logs-squall.sample")
    expect_equal((len(samples), {s["squall.name"] for s in samples}), (failed, {"stray"}), "a document for each failed sample")
    expect(all(s["http.response.status_code"] == 404 and s["event.outcome"] == "failure" and s["squall.type"] == "request" for s in samples),
           f"what a failed sample says: {samples[0]}")
    output = run.result["outputs"][0]
    expect_equal((output["rejected"], output["dropped"], output["ended_badly"]), (0, 0, False), "what squall counts")
    server.down()
    figure(f"{count} documents: windows, gauges, events and {failed} failed samples; sums are the result's, each second the timeline's")


def the_dashboard_reads_what_is_there():
    """As far as its structure goes: there is no Kibana here."""
    folder = os.path.join(ROOT, "examples/outputs/elastic")
    with open(os.path.join(folder, "dashboard.ndjson")) as file:
        written = file.read()
    made = subprocess.run([sys.executable, "-B", os.path.join(folder, "dashboard.py")], capture_output=True, text=True, check=True).stdout
    expect_equal(written == made, True, "dashboard.ndjson is what dashboard.py makes")
    *objects, summary = [json.loads(line) for line in written.splitlines()]
    expect_equal(summary["exportedCount"], len(objects), "objects")
    views = {one["id"]: one["attributes"] for one in objects if one["type"] == "index-pattern"}
    expect(all(json.loads(view["fields"]) == [] and view["timeFieldName"] == "@timestamp" for view in views.values()), f"data views: {views}")
    dashboard, = (one for one in objects if one["type"] == "dashboard")
    attributes = dashboard["attributes"]
    json.loads(attributes["optionsJSON"]), json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    panels = json.loads(attributes["panelsJSON"])
    server = Elastic()
    expect_passed(squall(text(server, seconds=3), city=city()), "a run to look at")
    by_name = {reference["name"]: reference["id"] for reference in dashboard["references"]}
    used = set()
    for panel in panels:
        lens, where = panel["embeddableConfig"]["attributes"], panel["title"]
        reference, = lens["references"]
        expect_equal(by_name.pop(f"{panel['panelIndex']}:{reference['name']}", None), reference["id"], f"{where}: the dashboard's reference")
        view = views[reference["id"]]
        (layer, source), = lens["state"]["datasourceStates"]["formBased"]["layers"].items()
        drawing, = lens["state"]["visualization"]["layers"]
        expect_equal((drawing["layerId"], reference["name"]), (layer, f"indexpattern-datasource-layer-{layer}"), f"{where}: its layer")
        named = {drawing["xAccessor"], *drawing["accessors"], *([drawing["splitAccessor"]] if "splitAccessor" in drawing else [])}
        expect_equal((named, set(source["columnOrder"])), (set(source["columns"]), set(source["columns"])), f"{where}: columns")
        fields = server.fields(view["title"].replace("*", "default"))
        for column in source["columns"].values():
            kind = fields.get(column["sourceField"])
            fits = {"sum": ("long",), "max": ("double",), "average": ("double",), "percentile": ("histogram",), "terms": ("keyword",), "date_histogram": ("date",)}
            expect(kind in fits[column["operationType"]], f"{where}: {column['operationType']} of {column['sourceField']}, which is {kind}")
        asked = re.match(r'([\w.]+): \(?"?(\w+)', lens["state"]["query"]["query"])
        if asked:
            expect(fields.get(asked[1]) == "keyword", f"{where}: asks for {asked[1]}")
            there = {document.get(asked[1]) for document in server.documents(view["title"].replace("*", ""))}
            expect(asked[2] in there, f"{where}: asks for {asked[0]}, and there are {there}")
        used.add((reference["id"], tuple(sorted(panel["gridData"].items()))))
    expect_equal(by_name, {}, "references that nobody uses")
    expect_equal(len(used), len(panels), "places of the panels")
    formats = json.loads(views["squall-window"]["fieldFormatMap"])
    expect(set(formats) <= set(server.fields("metrics-squall.window-default")), f"formats of {set(formats)}")
    server.down()
    figure(f"{len(panels)} panels, each column of a field and type that our templates have")


def each_fault_costs_nothing_but_time():
    server = Elastic()
    turned_away, broken = [], []

    def items(status, count):
        def fault(n):
            turned_away.append(n)
            return {"items": {i * (n // count): (status, "es_rejected_execution_exception" if status == 429 else "document_parsing_exception", "no")
                              for i in range(count)}}
        return fault

    def noted(kind):
        def fault(n):
            broken.append(n)
            return {kind: True}
        return fault
    # By number of the request; what is sent again has the next number.
    server.faults = {0: items(429, 7), 2: items(400, 3), 3: {"status": 503, "headers": {"Retry_After": "1"}}, 5: noted("broken"), 7: noted("cut"),
                     9: noted("few"), 11: {"larger_than": 200}}
    run = squall(text(server, "samples: all, batch_bytes: 500kB", rate=600, seconds=10), "--strict-outputs", city=city())
    own, _ = tallies(run)
    expect_clean(server, "faults")
    there = len(server.documents())
    expect(turned_away[0] >= 500 and len(turned_away) == 2, f"7 and 3 items of {turned_away} were turned away")
    expect_equal(len(broken), 3, "answers that were lost after everything was stored")
    expect_equal(own[1:], (own[0] - 3, 3, 0, 0), f"delivered, rejected, spooled, dropped of {own[0]}")
    expect_equal(there, own[1], "documents that are there and were told as delivered")
    expect_equal(server.conflicts, sum(broken), "documents sent twice: those whose answer was lost, each there once")
    expect(server.bulks > 11, f"{server.bulks} requests: all faults were met")
    expect_equal(run.code, 111, "exit code with --strict-outputs")
    output = run.result["outputs"][0]
    expect_equal((output["rejected"], output["dropped"]), (3, 0), "what squall counts")
    expect("document_parsing_exception" in output["error"], f"the first reason is told: {output['error']}")
    expect_equal(run.one(name="visit", phase="main")["count"], 600 * 10, "visits: nobody waited")
    server.down()
    figure(f"{own[0]} items through 429 for 7 of {turned_away[0]}, a 503, a broken, a short and a lost answer, 413: {own[1]} there once, 3 rejected")


def down_at_the_begin_and_in_the_middle():
    server = Elastic()
    server.down()
    run = Run(text(server, "samples: failed", seconds=9), city=city())
    wait_until(lambda: "start" in run.stderr() or run.process.poll() is not None or run_seconds(run) >= 2, "two seconds of the run")
    server.up()
    wait_until(lambda: len(server.documents()) > 20, "documents of the begin")
    server.down()
    before = len(server.documents())
    threading.Event().wait(3)   # as long as it is down
    expect_equal(len(server.documents()), before, "documents that came while nobody listened")
    server.up()
    run.wait()
    expect_clean(server, "down twice")
    own, _ = tallies(run)
    count = expect_is_the_run(server, run, "down twice")
    expect_equal(own, (count, count, 0, 0, 0), "the account")
    expect_equal(run.result["outputs"][0]["ended_badly"], False, "it ended well")
    server.down()
    figure(f"down for 2 s at the begin and 3 s in the middle: {count} of {own[0]} documents are there")


def run_seconds(run):
    import time
    return time.monotonic() - run.begun


def down_to_the_end():
    server, spool = Elastic(), file_path("spool")
    server.down()
    first = squall(text(server, f'samples: all, drain: 1s, spool: "{spool}"'), "--strict-outputs", city=city())
    own, _ = tallies(first)
    expect(own[0] > 500, f"{own[0]} items")
    expect_equal(own[1:], (0, 0, own[0], 0), "delivered, rejected, spooled, dropped")
    expect_equal(first.code, 111, "exit code with --strict-outputs: they are not where they should be")
    expect(first.result["outputs"][0]["ended_badly"] and f"{own[0]} spooled" in first.result["outputs"][0]["error"], f"it is told: {first.result['outputs']}")
    expect_equal(first.one(name="visit", phase="main")["count"], 500, "visits: nobody waited")
    expect_equal((len(server.documents()), server.bulks), (0, 0), "what has come")
    server.up()
    second = squall(text(server, f'samples: all, spool: "{spool}"'), city=city())
    expect_passed(second, "the next run")
    expect_clean(server, "a replay")
    now, earlier = tallies(second)
    expect_equal(earlier, (own[0], own[0], 0, 0, 0), "of the earlier run")
    expect_equal(now[1:], (now[0], 0, 0, 0), "of its own")
    expect_equal(len(server.documents()), own[0] + now[0], "documents of both")
    expect_equal(server.conflicts, 0, "sent twice")
    expect_equal([expect_is_the_run(server, run, "a replay") for run in (first, second)], [own[0], now[0]], "documents of each")
    expect_equal(os.listdir(spool), ["lock"], "what is left in the spool")
    server.down()
    third = squall(text(server, "samples: all, drain: 0s"), city=city())
    lost, _ = tallies(third)
    expect_equal(lost[1:], (0, 0, 0, lost[0]), "without a spool: dropped")
    expect("cannot connect to 127.0.0.1" in third.result["outputs"][0]["error"], f"and why: {third.result['outputs']}")
    figure(f"down to the end: {own[0]} items spooled, by the next run delivered, none twice; without a spool {lost[0]} dropped, and told")


def secrets_and_certificates():
    key, cert = file_path("key.pem"), file_path("cert.pem")
    subprocess.run([program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-keyout", key,
                    "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    secret = "canary-4f1b7c2e90"
    server = Elastic(tls=tls, authorization=f"Bearer {secret}")
    env = {"SQUALL_SECRET_ES": secret}

    def run(options, url=None, **more):
        return squall(text(server, options, seconds=2).replace(server.url, url or server.url), city=city(), **more)
    good = run(f'ca: "{cert}", token: "${{secret.ES}}"', env=env)
    own, _ = tallies(good)
    expect_passed(good, "https with a token")
    expect_equal(own, (len(server.documents()), own[0], 0, 0, 0), "delivered")
    seen = len(server.headers_seen)
    others = [run('drain: 0s, token: "${secret.ES}"', env=env),   # the system's certificates do not vouch for it
              run(f'drain: 0s, ca: "{cert}", token: "${{secret.ES}}"', server.url.replace("localhost", "127.0.0.1"), env=env)]
    for other in others:
        expect("certificate verify failed" in other.result["outputs"][0]["error"], f"who is not who he should be: {other.result['outputs']}")
        expect_equal(tallies(other)[0][1], 0, "delivered to somebody else")
    expect_equal(len(server.headers_seen), seen, "requests that somebody else saw")
    wrong = run(f'ca: "{cert}", token: "${{secret.ES}}"', env={"SQUALL_SECRET_ES": "canary-not-the-one"})
    own, _ = tallies(wrong)
    expect_equal(own[1:], (0, own[0], 0, 0), "with another token: rejected")
    expect("401: security_exception: not Bearer ***" in wrong.result["outputs"][0]["error"], f"why: {wrong.result['outputs'][0]}")
    for one in (good, wrong, *others):
        written = one.stderr() + "".join(open(os.path.join(one.folder, name), errors="replace").read() for name in os.listdir(one.folder))
        expect("canary" not in written, "a secret was written")
    server.down()
    plain = Elastic()
    loud = squall(text(plain, 'user: me, password: "${secret.ES}"', seconds=2).replace(plain.url, plain.url.replace("127.0.0.1", "0.0.0.0")), env=env, city=city())
    expect("can read what is sent, the password or key too: write https://" in loud.stderr(), "http to elsewhere warns")
    expect(all("Basic" in headers["Authorization"] for headers in plain.headers_seen), "basic authentication")
    plain.down()


def nonsense_is_refused():
    for options, why in (("samples: maybe", "samples"), ("spol: x", "did you mean 'spool'?"), ("drain: soon", "drain"), ("templates: no", "templates")):
        code, told = check(SCENARIO.format(url="http://127.0.0.1:1", options=options, rate=1, seconds=1, meter=meter()), city=city())
        expect(code == 104 and why in told, f"check of {options}: {code}, {told}")
    for options, why in (("namespace: Team-A", "write small letters"), ("drain: 2m", "at most 60s"), ("spool_limit: 1GiB", "write `spool: DIR`"),
                         ("ca: /nowhere.pem", "the address is http"), ("queue_limit: 1MB", "two batches at least")):
        refused = squall(SCENARIO.format(url="http://127.0.0.1:1", options=options, rate=1, seconds=1, meter=meter()), city=city())
        expect(refused.code == 104 and why in refused.stderr(), f"run with {options}: {refused.code}, {refused.stderr()[-300:]}")


show(the_judge_is_one_to_elasticsearchs_own_client, documents_are_the_run, the_dashboard_reads_what_is_there, each_fault_costs_nothing_but_time,
     down_at_the_begin_and_in_the_middle, down_to_the_end, secrets_and_certificates, nonsense_is_refused)
