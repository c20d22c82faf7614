"""Data larger than memory: a run reads rows of a large file in little memory, each row that arrives is one of the file's,
in the order that was asked for; a file that changes under the run gives failed requests, never a wrong row, and a line without end is refused.

The judges: nginx's log of the paths that came, each made of a row's number and of a checksum that only that row has; the
kernel, which knows the largest memory of the process. In full the file has 50 GB.
"""
import os
import resource
import shutil
import zlib

from harness import (FOLDER, FULL, Nginx, Run, Skipped, check, expect, expect_closed, expect_equal, expect_passed, figure, file_path, show,
                     squall, wait_until)

FILE_BYTES = 50_000_000_000 if FULL else 300_000_000
MOST_MEMORY_MB = 64
REQUESTS = 20_000
SCENARIO = """
targets: {{ site: "{url}" }}
data: {{ rows: {{ file: {file}, pick: {pick}{more} }} }}
tasks: {{ read: [ http.get: {{ path: "/row/${{rows.id}}/${{rows.sum}}", name: read }} ] }}
populations: {{ readers: {{ tasks: read, load: {load} }} }}
run: {{ for: {seconds}s, valid: {{ lag: 2s }} }}
"""


def checksum(row):
    return f"{zlib.crc32(b'row %d' % row):08x}"


def row_text(row, note):
    return f'{row},"note, of ""{row}""\nover two lines {note}",{checksum(row)}\r\n'


def make_file(name, bytes_wanted):
    """(path, rows); each row has line feeds, quotes and characters of several bytes in it."""
    path = file_path(name)
    note = "é€😀" * (400 if FULL else 4)
    rows = written = 0
    with open(path, "wb") as file:
        written += file.write(b"\xef\xbb\xbfid,note,sum\r\n")
        while written < bytes_wanted:
            block = "".join(row_text(row, note) for row in range(rows, rows + 2_000)).encode()
            written += file.write(block)
            rows += 2_000
    return path, rows


def scenario(url, path, pick, load, more="", seconds=60):
    return SCENARIO.format(url=url, file=os.path.basename(path), pick=pick, load=load, more=more, seconds=seconds)


def rows_of(lines):
    """Numbers of the rows that arrived, as nginx has logged them; each must have its own checksum."""
    rows = []
    for line in lines:
        _, kind, row, told = line[7].split("/")
        expect(kind == "row" and told == checksum(int(row)), f"a row that the file does not have: {line[7]}")
        rows.append(int(row))
    return rows


def peak_mb():
    """The largest of all processes of ours that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def rows_arrive_in_little_memory():
    free = shutil.disk_usage(FOLDER).free
    if free < FILE_BYTES * 6 // 5:
        raise Skipped(f"{FILE_BYTES * 6 // 5 / 1e9:.0f} GB of disk are needed, {free / 1e9:.0f} GB are free")
    nginx = Nginx()
    path, count = make_file("rows.csv", FILE_BYTES)
    text = scenario(nginx.url, path, "sequential", "{ users: 20 }, stop_after: { iterations: %d }" % REQUESTS)
    limit_s = 3600 if FULL else 60
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, plan = check(text, limit_s=limit_s)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    expect(code == 0 and f"{count} records of 3 columns, streamed" in plan, f"check: {code}, {plan}")
    used_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    figure(f"{os.path.getsize(path) / 1e9:.1f} GB, {count} rows: check takes {used_s:.1f} s of CPU and {peak_mb():.0f} MB")
    for pick in ("sequential", "shuffled", "random"):
        run = squall(scenario(nginx.url, path, pick, "{ users: 20 }, stop_after: { iterations: %d }" % REQUESTS), "--shards", "2", limit_s=limit_s)
        if not expect_passed(run, pick):
            continue
        rows = rows_of(nginx.new_lines_when(REQUESTS))
        expect_equal(len(rows), REQUESTS, f"{pick}: requests that arrived")
        if pick == "sequential":
            expect(sorted(rows) == list(range(REQUESTS)), f"{pick}: rows from {min(rows)} to {max(rows)}, {len(set(rows))} different")
        else:
            expect(min(rows) < count * 0.01 and max(rows) > count * 0.99, f"{pick}: rows from {min(rows)} to {max(rows)} of {count}")
        if pick == "shuffled":
            expect_equal(len(set(rows)), REQUESTS, f"{pick}: different rows")
        figure(f"{pick}: {REQUESTS} requests, each with a row of the file; p99 of lag {run.result['generator']['lag_ms']['p99']} ms; "
               f"largest memory {run.result['generator']['peak_rss_bytes'] / 1e6:.0f} MB")
    expect(peak_mb() < MOST_MEMORY_MB, f"a process took {peak_mb():.0f} MB; a file in memory would, too")
    os.remove(path)


def a_line_without_end_is_refused():
    path = file_path("line.jsonl")
    with open(path, "wb") as file:
        file.write(b'{"id": 1, "sum": "x"}\n{"id": 2, "sum": "')
        for _ in range(1000 if FULL else 300):
            file.write(b"x" * 1_000_000)
    code, told = check(scenario("http://127.0.0.1:1", path, "random", "{ users: 1 }"))
    expect(code == 104 and f"{os.path.basename(path)}:2:1: a row of more than 16 MiB" in told, f"check: {code}, {told}")
    expect(peak_mb() < MOST_MEMORY_MB, f"a process took {peak_mb():.0f} MB")
    figure(f"a line of {os.path.getsize(path) / 1e6:.0f} MB is refused in {peak_mb():.0f} MB")
    os.remove(path)


def a_change_is_no_wrong_row():
    nginx = Nginx()
    for change in ("cut off", "replaced"):
        path, count = make_file("rows.csv", 20_000_000)
        other = file_path("other.csv")
        with open(other, "w") as file:
            file.write("id,note,sum\n" + "7,x,wrong\n" * 1000)
        run = Run(scenario(nginx.url, path, "shuffled", "{ rate: 1000/s }", ", stream: true", 3))
        lines = []
        wait_until(lambda: lines.extend(nginx.new_lines()) or len(lines) > 500, "requests")
        if change == "cut off":
            os.truncate(path, 1_000_000)
        else:
            os.replace(other, path)
        run.wait()
        lines += nginx.new_lines_when(10**9, 1)
        expect_closed(run, change)
        series = run.one(name="read")
        arrived = len(rows_of(lines))
        expect_equal(series["count"], 3000, f"{change}: requests, those without a row too")
        expect_equal(arrived, series["count"] - series["failed"], f"{change}: requests that arrived")
        if change == "replaced":
            expect_equal(series["failed"], 0, "replaced: failed")
        else:
            expect_equal(series["errors"], {"check": series["failed"]}, "cut off: classes of failures")
            expect(series["failed"] > 1000, f"cut off: {series['failed']} failed")
        figure(f"{change} in the run: {arrived} requests with the row as it was, {series['failed']} failed")


show(a_line_without_end_is_refused, rows_arrive_in_little_memory, a_change_is_no_wrong_row)
