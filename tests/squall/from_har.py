"""Scenarios made from recordings: they load without a complaint, send what was recorded byte for byte to the city, hold no
secret, and a recording that is wrong is refused at its place."""
import base64
import copy
import http.client
import http.server
import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "city"))
from city_process import City  # noqa: E402
from program import check, conclude, squall  # noqa: E402

RECORDINGS = pathlib.Path(__file__).resolve().parent / "recordings"
# What the recordings have where a scenario asks for a secret. All of them are searched for in what is written.
SECRETS = {
    "chrome": {"PASSWORD": "tops$cret 1", "SHOP_LOGIN": "city:city", "ACCESS_TOKEN": "tok/en-123456", "X_API_KEY": "key-that-is-secret",
               "SHOP_TOKEN": "abc.def.ghi"},
    "firefox": {"PASSWORD": "hunter2pass", "CSRF_TOKEN": "c5rf-value-1", "PASSWORD_2": 'p"w-12345', "PIN": "4711", "PWD": "x y"},
    "fields_only": {"SECRET_CODE": "open-sesame"},
    "odd": {"UPLOAD_TOKEN": "one-time-77"},
}
NEVER = ["tops%24cret", "tops$cret", "Y2l0eTpjaXR5", "tok/en-123456", "tok%2Fen-123456", "key-that-is-secret", "abc.def.ghi", "cookie-of-the-browser",
         "not-for-the-file", "referring", "hunter2pass", "c5rf-value-1", "p\\\"w-12345", "w-12345", "4711", "x%20y", "open-sesame", "credential-1", "one-time-77"]


class Recorder(http.server.ThreadingHTTPServer):
    """Stands before the city and keeps what came: (method, path with query, body, headers)."""
    daemon_threads = True

    def __init__(self, city_port):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.city_port, self.seen = city_port, []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.seen.append((self.command, self.path, body, dict(self.headers)))
            city = http.client.HTTPConnection("127.0.0.1", self.server.city_port, timeout=30)
            city.request(self.command, self.path, body, dict(self.headers))
            answer = city.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name in ("Set-Cookie", "Location", "Content-Type"):
                if answer.getheader(name):
                    self.send_header(name, answer.getheader(name))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            city.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = pass_on

        def log_message(self, *_):
            pass


def recorded(har, hosts):
    """What a browser sent according to the recording, in order; the body is None where its bytes are not in it."""
    requests = []
    for entry in sorted(har["log"]["entries"], key=lambda e: e["startedDateTime"]):
        request, answer = entry["request"], entry["response"]
        url = urllib.parse.urlsplit(request["url"])
        kept = url.scheme == "http" and url.hostname in hosts and answer["status"] > 0 and not entry.get("_fromCache")
        if not kept or answer["content"]["mimeType"] == "text/css":
            continue
        data = request.get("postData", {})
        body = data.get("text", "" if not data.get("params") else None)
        if body is not None:
            body = base64.b64decode(body) if data.get("encoding") == "base64" else body.encode()
        requests.append((request["method"], url.path + ("?" + url.query if url.query else ""), body))
    return requests


def encoded_by_squall(target):
    """No address may hold these; the http plugin sends them percent-encoded, and the scenario has a note about it."""
    return re.sub(r'[ "<>\\^`{|}]', lambda found: f"%{ord(found[0]):02X}", target)


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    city = City()
    front = Recorder(city.http)
    try:
        for name, secrets in SECRETS.items():
            har = json.loads((RECORDINGS / f"{name}.har").read_text())
            path = folder / f"{name}.yaml"
            made = squall("new", "scenario", path, "--from", RECORDINGS / f"{name}.har")
            check(made.returncode == 0 and made.stderr == "", f"{name} becomes a scenario: {made.returncode} {made.stderr}")
            text = path.read_text()
            environment = {f"SQUALL_SECRET_{secret}": value for secret, value in secrets.items()}
            files = {file.name: file.read_bytes().decode("latin-1") for file in folder.glob(f"{name}-payloads/*")}
            asked = set(re.findall(r"\$\{(?:\w+\()?secret\.(\w+)", "".join([text, *files.values()]).replace("$${", "")))
            check(asked == set(secrets), f"{name} asks for {asked}")
            for secret in secrets:
                check(f"#   SQUALL_SECRET_{secret} " in text and f"SQUALL_SECRET_{secret} " in made.stdout, f"{name} says how to set {secret}")
            for value in NEVER:
                everything = [text, made.stdout, *files.values()]
                check(not any(value in part for part in everything), f"{name} holds the secret {value}")

            checked = squall("check", path, env=environment)
            check(checked.returncode == 0 and checked.stderr == "", f"{name} is checked without a complaint: {checked.stderr}")
            if secrets:
                unset = squall("check", path)
                check(unset.returncode == 104 and "set SQUALL_SECRET_" in unset.stderr, f"{name} without its secrets: {unset.stderr}")

            front.seen.clear()
            var = re.search(r"(\w+_url):", text)[1]
            once = squall("run", path, "--once", "--set", f"{var}={front.url}", env=environment)
            check(once.returncode == 0, f"{name} runs: {once.stdout}{once.stderr}")
            hosts = {"shop.example", "127.0.0.1", "forms.example", "env.example"}
            wanted = recorded(har, hosts)
            check(len(front.seen) == len(wanted), f"{name}: {len(front.seen)} requests instead of {len(wanted)}")
            for (method, target, body, _), (its_method, its_target, its_body) in zip(front.seen, wanted):
                check((method, target) == (its_method, encoded_by_squall(its_target)), f"{name}: {method} {target} instead of {its_method} {its_target}")
                check(its_body is None or body == its_body, f"{name}: {method} {target} sends {body} instead of {its_body}")
            for method, target, _, headers in front.seen:
                for header in headers:
                    check(not header.lower().startswith(("sec-", "referer", "accept-", "if-none", "bad")), f"{name}: sends {header}")

        # What the recordings are there for, one by one.
        chrome = (folder / "chrome.yaml").read_text()
        for part in ("- wait: 3.8s\n    # Page: http://shop.example/login\n", "redirects: 0", "note: \"$${not a hole}\"", "form: { user: anna,",
                     "auth: { basic: \"${secret.SHOP_LOGIN}\" }", "auth: { bearer: \"${secret.SHOP_TOKEN}\" }", "Origin: \"${shop_url}\"",
                     "json: { tap: \"$${user}\"", "payload: { file: chrome-payloads/put_photo_jpg.jpg }", "Content-Type: image/jpeg", "X-Requested-With:"):
            check(part in chrome, f"chrome.yaml has {part!r}:\n{chrome}")
        check(chrome.count("- wait:") == 2, "short gaps are no think times")
        check(chrome.count("name: PUT /upload/photo.jpg") == 1 and "photo.jpg?access" not in "".join(re.findall("name: .*", chrome)), "names have no query")
        left_out = ("1 static file (--assets keeps them), 1 request to other hosts: stats.example 1 (--all-hosts keeps them), 1 WebSocket, 1 blob:, "
                    "1 chrome-extension:, 1 data:, 1 without an answer, 1 from the browser's cache")
        check(left_out in chrome and f"left out: {left_out}\n" in squall("new", "scenario", folder / "again.yaml", "--from", RECORDINGS / "chrome.har").stdout,
              "what is left out is said")
        firefox = (folder / "firefox.yaml").read_text()
        for part in ("status: [ 200, 304 ]", "X-Trace: \"one, two, three\"", "- wait: 5.3s", "body: |-\n          first line $${x}\n", "name: POST /echo",
                     "${json(secret.PASSWORD_2)}", "# Note: the recording does not hold its body", "method: OPTIONS"):
            check(part in firefox, f"firefox.yaml has {part!r}:\n{firefox}")
        forms = (folder / "fields_only.yaml").read_text()
        check("form: { q: a b&c, tag: [ x, \"$${y}\" ] }" in forms and "filename: cv.pdf" in forms and "# Note: the content of the file" in forms, forms)

        # Other hosts and static files, when asked for: a target for each origin, and every step says where it goes.
        path = folder / "all.yaml"
        check(squall("new", "scenario", path, "--from", RECORDINGS / "chrome.har", "--assets", "--all-hosts").returncode == 0, "--assets --all-hosts")
        text = path.read_text()
        check("to: stats" in text and "to: shop" in text and "/page/site.css" in text and "stats_url: \"https://stats.example\"" in text, text)
        result = squall("check", path, env={f"SQUALL_SECRET_{secret}": value for secret, value in SECRETS["chrome"].items()})
        check(result.returncode == 0 and result.stderr == "", f"it is checked without a complaint: {result.stderr}")
    finally:
        front.shutdown()
        code, _ = city.end()
        check(code == 0, f"the city ends {code}")

    # Names of the files, and files that are there already.
    work = folder / "work"
    work.mkdir()
    here = os.getcwd()
    os.chdir(work)
    check(squall("new", "scenario", "--from", RECORDINGS / "odd.har").returncode == 0 and sorted(p.name for p in work.iterdir()) == ["odd-payloads", "odd.yaml"],
          "without a name it is called as the recording is")
    os.chdir(here)
    (work / "odd.yaml").write_text("mine")
    result = squall("new", "scenario", work / "odd.yaml", "--from", RECORDINGS / "odd.har")
    check(result.returncode == 2 and "exists already" in result.stderr and (work / "odd.yaml").read_text() == "mine", f"nothing is overwritten: {result.stderr}")
    (work / "odd.yaml").unlink()
    result = squall("new", "scenario", work / "odd.yaml", "--from", RECORDINGS / "odd.har")
    check(result.returncode == 2 and not (work / "odd.yaml").exists(), f"a body's file is not overwritten either: {result.stderr}")
    check(squall("new", "scenario", work / "odd.yaml", "--from", RECORDINGS / "odd.har", "--force").returncode == 0, "--force overwrites")
    result = squall("new", "scenario", "-", "--from", RECORDINGS / "firefox.har")
    check(result.returncode == 0 and result.stdout.startswith("# Made from firefox.har") and "SQUALL_SECRET_PIN" in result.stderr, "- is stdout")
    result = squall("new", "scenario", "-", "--from", RECORDINGS / "odd.har")
    check(result.returncode == 2 and result.stdout == "" and "give it a NAME" in result.stderr, f"stdout has no place for files: {result.stderr}")
    for words in (["--assets"], ["--from", RECORDINGS / "odd.har", "--template", "tcp"], []):
        result = squall("new", "scenario", *words)
        check(result.returncode == 2 and result.stderr != "", f"new scenario {words}: {result.returncode}")
    check("--from FILE.har" in squall("new", "--help").stdout and "--all-hosts" in squall("help", "new").stdout, "new --help")

    # Recordings that are wrong: each is refused at its place, and nothing is written.
    good = {"startedDateTime": "2026-11-22T10:00:00Z", "time": 1, "request": {"method": "GET", "url": "http://h.example/", "headers": []},
            "response": {"status": 200, "content": {"mimeType": "text/html"}}}

    def changed(place, value):
        entry = copy.deepcopy(good)
        *parents, last = place.split(".")
        at = entry
        for parent in parents:
            at = at[parent]
        if value is None:
            del at[last]
        else:
            at[last] = value
        return json.dumps({"log": {"entries": [good, entry]}})

    post = {"mimeType": "x/y", "text": "no base64!", "encoding": "base64"}
    bad = folder / "bad.har"
    for content, message in (
            ("", "line 1, column 1: not JSON"), ("{\"log\": {\n  \"entries\": [ }", "line 2, column 16: not JSON"),
            ("\"pass\xffword\"", "not JSON"), ("[]", "not a recording"), ("{}", "log is missing"), ("{\"log\": 5}", "log is a number, it must be an object"),
            ("{\"log\": {}}", "log.entries is missing"), ("{\"log\": {\"entries\": {}}}", "log.entries is an object, it must be a list"),
            ("{\"log\": {\"entries\": []}}", "log.entries is empty"), ("{\"log\": {\"entries\": [1]}}", "log.entries[0] is a number, it must be an object"),
            (changed("request", None), "log.entries[1].request is missing"), (changed("response", None), "log.entries[1].response is missing"),
            (changed("request.url", None), "log.entries[1].request.url is missing"), (changed("request.url", 5), "log.entries[1].request.url is a number, it must be a text"),
            (changed("request.method", "GE T"), "log.entries[1].request.method is no HTTP method"),
            (changed("request.headers", {}), "log.entries[1].request.headers is an object, it must be a list"),
            (changed("request.headers", [{"value": "x"}]), "log.entries[1].request.headers[0].name is missing"),
            (changed("request.postData", post), "log.entries[1].request.postData.text is not base64"),
            (changed("response.status", "200"), "log.entries[1].response.status is a text, it must be a number"),
            (changed("response.status", 20.5), "log.entries[1].response.status is 20.5, which is no status"),
            (changed("startedDateTime", "yesterday"), "log.entries[1].startedDateTime is no time such as"), (changed("startedDateTime", None), "startedDateTime is missing"),
            (changed("time", 1e300), "log.entries[1].time is longer"), (changed("pageref", []), "log.entries[1].pageref is a list, it must be a text"),
            ("[" * 100_000, "not JSON"),
            (json.dumps({"log": {"entries": [{**good, "request": {"method": "GET", "url": "data:,x"}}]}}), "nothing is left to make a scenario of; left out: 1 data:")):
        bad.write_text(content, encoding="latin-1")
        result = squall("new", "scenario", folder / "never.yaml", "--from", bad)
        check(result.returncode == 104 and f"{bad}: error: " in result.stderr and message in result.stderr and result.stdout == "",
              f"{content[:60]!r} ends {result.returncode}: {result.stderr[:300]}")
        check(not (folder / "never.yaml").exists(), f"nothing is written of {content[:60]!r}")
    both = {"log": {"entries": [{**good, "request": {}}, {**good, "response": {"status": True}}]}}
    bad.write_text(json.dumps(both))
    result = squall("new", "scenario", folder / "never.yaml", "--from", bad)
    check(result.stderr.count("error:") == 3 and "entries[1].response.status is true or false" in result.stderr, f"all mistakes at once: {result.stderr}")
    with open(bad, "wb") as huge:
        huge.truncate((1 << 30) + 1)
    for file, message in ((bad, "more than 1 GiB"), (folder / "none.har", "no such file"), (folder, "this is a directory")):
        result = squall("new", "scenario", folder / "never.yaml", "--from", file)
        check(result.returncode == 104 and message in result.stderr, f"{file}: {result.returncode} {result.stderr}")
    check(not (folder / "never.yaml").exists(), "nothing is written of bad recordings")

conclude()
