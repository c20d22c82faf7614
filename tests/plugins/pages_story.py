"""Pages with their assets against nginx: its log holds exactly the requests that squall counts, by path and connection."""
from collections import Counter

from logging_nginx import LoggingNginx   # first: it knows where the harness is
from harness import expect, expect_equal, show, squall

PAGES = 300
NAMES = ["/a.css", "/b.js", "/c.woff2", *(f"/i{n}.png" for n in range(12))]
HTML = ("<!doctype html><html><head><link rel=stylesheet href=a.css><script src=b.js></script>"
        "<link rel=preload as=font href=c.woff2 crossorigin><base href=/></head><body>"
        + "".join(f"<img src=i{n % 12}.png>" for n in range(24)) + "<img src=http://elsewhere.example/x.png></body></html>")


class Site(LoggingNginx):
    """The files above; `more` are lines of the server."""

    def __init__(self, more=""):
        super().__init__("gzip on; gzip_min_length 10; " + more, "types { text/html html; text/css css; "
                         "text/javascript js; image/png png; font/woff2 woff2; }")
        self.bytes = {name: 1000 + 371 * number for number, name in enumerate(NAMES)}
        for name, size in self.bytes.items():
            with open(self.www + name, "w") as file:
                file.write("x" * size)
        with open(self.www + "/index.html", "w") as file:
            file.write(HTML)


def visit(site, users=3, page="", more=""):
    return squall(f"""
targets: {{ site: "http://127.0.0.1:{site.port}" }}
tasks: {{ visit: [ http.page: {{ path: /, name: page{page} }} ] }}
populations: {{ visitors: {{ tasks: visit, load: {{ users: {users} }}, stop_after: {{ requests: {PAGES} }}{more} }} }}
run: {{ for: 60s, valid: {{ lag: 10s }} }}
""")


def the_log_holds_what_is_counted():
    site = Site()
    run = visit(site, page=", decode: gzip")
    expect_equal(run.code, 0, f"pages: exit code ({run.stderr()[-400:]})")
    lines = site.lines_when(PAGES * (1 + len(NAMES)))
    paths = Counter(line[3] for line in lines)
    expect_equal(paths.pop("/index.html"), PAGES, "pages: of the page itself")
    expect_equal(dict(paths), {name: PAGES for name in NAMES}, "pages: of each asset")
    expect_equal({line[2] for line in lines}, {"200"}, "pages: statuses")
    expect_equal(run.one(name="page")["count"], PAGES, "pages: samples")
    kinds = {s["name"]: s["count"] for s in run.series(operation="http.asset")}
    expect_equal(kinds, {"stylesheet": PAGES, "script": PAGES, "other": PAGES, "image": 12 * PAGES}, "pages: assets by kind")
    expect_equal(sum(s["failed"] for s in run.result["series"]), 0, "pages: failed")
    used = Counter(line[0] for line in lines)
    ours = run.result["connections"][0]
    expect_equal((ours["opened"], ours["reused"]), (len(used), len(lines) - len(used)), "pages: connections")
    expect(3 < len(used) <= 18, f"pages: {len(used)} connections of 3 users")
    received = run.one(name="page")["received_bytes"]
    expect(received > PAGES * sum(site.bytes[name] for name in NAMES if name[-3:] == "png"), f"pages: {received} bytes")


def an_asset_that_is_missing_fails_its_page():
    site = Site(more="location = /i5.png { return 404; }")
    run = visit(site)
    lines = site.lines_when(PAGES * (1 + len(NAMES)))
    expect_equal(sum(line[2] == "404" for line in lines), PAGES, "missing: nginx's 404")
    page = run.one(name="page")
    expect_equal((page["count"], page["failed"], page["errors"]), (PAGES, PAGES, {"status": PAGES}), "missing: pages")
    expect_equal([(d["detail"], d["count"]) for d in page["error_details"]], [("image: status 404", PAGES)], "missing: detail")
    image = run.one(operation="http.asset", name="image")
    expect_equal((image["count"], image["failed"]), (12 * PAGES, PAGES), "missing: images")


def a_visitor_with_new_connections_begins_without_any():
    site = Site()
    run = visit(site, users=1, page=", connections: 4", more=", connection: new")
    expect_equal(run.code, 0, f"new: exit code ({run.stderr()[-400:]})")
    lines = site.lines_when(PAGES * (1 + len(NAMES)))
    of_page = [line[0] for line in lines if line[3] == "/index.html"]
    expect_equal(len(set(of_page)), PAGES, "new: each page on a connection of its own")
    expect(len({line[0] for line in lines}) <= 4 * PAGES, "new: connections")


show(the_log_holds_what_is_counted, an_asset_that_is_missing_fails_its_page,
     a_visitor_with_new_connections_begins_without_any)
