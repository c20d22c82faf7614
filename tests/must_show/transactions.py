"""Transactions over three protocols, each one sample: published by MQTT, visible by HTTP, its file handed in by TCP. A city that
loses some messages and doubles others keeps a journal; what squall says of each transaction is what stands there.

The judges: the city's journal of messages and files, its journal of HTTP requests, and mosquitto's own count.
"""
import collections
import json
import os

from harness import (FULL, ROOT, City, Mosquitto, expect, expect_closed, expect_equal, expect_passed, figure, file_path, quantile,
                     show, squall, wait_until, write_file)

EXAMPLE = os.path.join(ROOT, "examples/transaction.yaml")
POLL_MS, LOST_AFTER_MS, SETTLE_MS = 50, 2000, 200     # as the example has them
FILE_BYTES = 20_000
# Beside what the journal says and one poll: publish, last look and file, and the generator's own lateness.
TOLERANCE_MS = 250
COUNT = 10_000 if FULL else 1_000


def named_by_user():
    """The example with ids that say whose transaction it was, so that each sample finds its line in the journal."""
    with open(EXAMPLE) as file:
        text = file.read()
    own = "${now.unix_ms}-${uuid}"
    assert text.count(own) == 1
    return write_file("transaction.yaml", text.replace(own, "${user.index}-${user.iteration}"))


def run(scenario, city, *options, count=COUNT, rate=250):
    return squall(scenario, "--shards", "2", "--rate", f"{rate}/s", "--iterations", str(count), "--for", "10m", *options,
                  city=city, limit_s=280)


def transactions(city):
    """The city's journal by id: {id: {what: at_ns}}. What it counts more than once is a mistake of the run."""
    found = collections.defaultdict(dict)
    for event in city.control("GET", "/tx/journal"):
        expect(event["what"] not in found[event["id"]], f"{event['id']}: {event['what']} twice in the journal")
        found[event["id"]][event["what"]] = event["at_ns"]
        if event["what"] == "file":
            expect_equal(event["bytes"], FILE_BYTES - len(f"tx {event['id']}\n"), f"{event['id']}: bytes of the file")
    return found


def looks(city):
    """By id, each request for it: (received, answered, whether it was visible), in order."""
    found = collections.defaultdict(list)
    for line in city.journal():
        if line["path"].startswith("/tx/"):
            found[line["path"][len("/tx/"):]].append((line["t_receive_ns"], line["t_reply_ns"], line["status"] == 200))
    for requests in found.values():
        requests.sort()
    return found


def samples(path):
    """The group's samples of a jsonl file: {id: (class or "ok", response in ms)}."""
    found = {}
    with open(path) as file:
        for line in map(json.loads, file):
            if line["type"] == "sample" and line["name"] == "transaction":
                name = f"{line['user']}-{line['iteration']}"
                expect(name not in found, f"{name}: two samples of one transaction")
                if line["outcome"] == "cut":
                    found[name] = ("cut", None)
                else:
                    found[name] = (line.get("error", "ok"), line["response_ns"] / 1e6)
    return found


def expect_counts(ours, wanted, what):
    """The one sample: each class exactly, and begun = ok + failed + cut."""
    expect_closed(ours, what)
    groups = ours.result["ledger"]["groups"]
    row = ours.one(name="transaction")
    classes = collections.Counter(row["errors"], ok=row["count"] - row["failed"], cut=row["cut"])
    expect_equal(+classes, +collections.Counter(wanted), f"{what}: transactions by how they ended")
    expect_equal(groups["begun"], groups["ok"] + groups["failed"] + groups["cut"], f"{what}: groups begun")
    return row


def counts_equal_the_journal():
    """The example as it stands."""
    broker = Mosquitto()
    city = City(broker=broker, journal=True)
    city.post("/tx", drop=0.01, double=0.01, seed=7)
    ours = run(EXAMPLE, city)
    counts = city.control("GET", "/tx")
    lost, doubled = counts["dropped"], counts["doubled"]
    expect(lost > 0 and doubled > 0, f"{lost} lost and {doubled} doubled: nothing is compared")
    expect_passed(ours, "the example")
    row = expect_counts(ours, {"ok": COUNT - lost - doubled, "timeout": lost, "check": doubled}, "the example")
    expect_equal((counts["published"], counts["visible"], counts["files"], counts["early_files"], counts["unnamed"]),
                 (COUNT, COUNT - lost, COUNT - lost, 0, 0), "published, visible, files, early files and unnamed")
    expect_equal(broker.published_when(COUNT), COUNT, "$SYS/broker/publish/messages/received")
    expect_equal(ours.one(name="publish")["count"], COUNT, "published, as squall counts")
    expect_equal(ours.one(name="visible")["errors"], {"timeout": lost}, "the wait for the visible end, by class")
    expect_equal(ours.one(name="look again")["errors"], {"check": doubled}, "the last look, by class")
    found = transactions(city)
    expect_equal(len(found), COUNT, "ids in the journal, each of one transaction")
    asked = sum(map(len, looks(city).values()))
    expect_equal(ours.one(name="poll")["count"] + ours.one(name="look again")["count"], asked, "requests for transactions")
    expect_equal(ours.result["totals"]["iterations"], COUNT, "iterations")
    figure(f"{COUNT:,} transactions on two shards: {COUNT - lost - doubled:,} ok, {lost} lost, {doubled} doubled, as in the "
           f"city's journal; {asked:,} looks; p50 {row['response_ms']['p50']:.0f} ms")


def each_sample_is_its_transaction():
    """Not the sums alone: each transaction has the class and the time that its own line in the journal says."""
    broker = Mosquitto()
    city = City(broker=broker, journal=True)
    city.post("/tx", drop=0.05, double=0.05, visible_sigma=0.5)
    path = file_path("samples.jsonl")
    ours = run(named_by_user(), city, "--out", f"jsonl={path}", count=COUNT // 2)
    journal, ended = transactions(city), samples(path)
    expect_equal(sorted(ended), sorted(journal), "transactions")
    wrong, beyond, excess = [], [], []
    for name, happened in journal.items():
        kind, took_ms = ended[name]
        wanted = "timeout" if "dropped" in happened else "check" if "doubled" in happened else "ok"
        if kind != wanted:
            wrong.append((name, kind, wanted))
        if "visible" not in happened or "file" not in happened:
            continue
        least_ms = (happened["visible"] - happened["published"]) / 1e6 + SETTLE_MS
        excess.append(took_ms - least_ms)
        if not 0 <= excess[-1] <= POLL_MS + TOLERANCE_MS:
            beyond.append((name, took_ms, least_ms))
        # and by the city's own clock alone
        expect(took_ms >= (happened["file"] - happened["published"]) / 1e6, f"{name}: its file came after its end")
    expect_equal(wrong, [], "transactions of another class than the journal's")
    expect_equal(beyond, [], "transactions outside visible + settle … + one poll + tolerance")
    excess.sort()
    expect_counts(ours, collections.Counter(kind for kind, _ in ended.values()), "each sample")
    figure(f"{len(ended):,} transactions one by one: time beyond visible + settle p50 {quantile(excess, .5):.1f}, p99 "
           f"{quantile(excess, .99):.1f}, max {excess[-1]:.1f} ms (one poll is {POLL_MS})")


def late_is_timeout_and_visible_later():
    """A slow tail: what was not seen by the last poll is `timeout`, though it becomes visible; what was seen is not."""
    broker = Mosquitto()
    city = City(broker=broker, journal=True)
    city.post("/tx", visible_s=0.3, visible_sigma=1)
    path = file_path("samples.jsonl")
    count = COUNT // 2
    ours = run(named_by_user(), city, "--out", f"jsonl={path}", "--set", "lost_after=1s", count=count)
    wait_until(lambda: city.control("GET", "/tx")["visible"] == count, "the last of them to be visible", limit_s=60)
    journal, ended, asked = transactions(city), samples(path), looks(city)
    late = {name for name, (kind, _) in ended.items() if kind == "timeout"}
    expect(count * 0.05 < len(late) < count * 0.2, f"{len(late)} of {count} were late")     # 11.5 % by the tail
    expect_counts(ours, {"ok": count - len(late), "timeout": len(late)}, "a slow tail")
    never_seen = {name for name, requests in asked.items() if not any(visible for _, _, visible in requests)}
    expect_equal(late, never_seen, "late, and never answered with 200")
    for name, happened in journal.items():
        received, answered, _ = asked[name][-1]
        if name in late:
            expect(happened["visible"] > received, f"{name}: it was visible when it was last asked for")
            expect("file" not in happened, f"{name}: a file of a transaction that was given up")
        else:
            expect(happened["visible"] <= answered, f"{name}: it was seen before it was visible")
    longest = ours.one(name="visible")["response_ms"]["max"]
    expect(longest >= 1000, f"who gave up had waited {longest:.0f} ms at most; the time-out is 1,000")
    latest = max(journal[name]["visible"] - journal[name]["published"] for name in late) / 1e9
    figure(f"{count:,} transactions, lognormal around 300 ms: {len(late)} not visible within 1 s, each later in the journal "
           f"(the last after {latest:.1f} s)")


def a_double_after_the_last_look_is_not_known():
    """A copy is found when it comes before the last look; the journal says which those are."""
    broker = Mosquitto()
    city = City(broker=broker, journal=True)
    city.post("/tx", double=0.5, double_s=2 * SETTLE_MS / 1000)
    path = file_path("samples.jsonl")
    count = COUNT // 5
    ours = run(named_by_user(), city, "--out", f"jsonl={path}", count=count)
    wait_until(lambda: sum("doubled" in happened for happened in transactions(city).values()) >= count * 0.3, "the doubles")
    journal, ended, asked = transactions(city), samples(path), looks(city)
    found = missed = 0
    for name, (kind, _) in ended.items():
        received, answered, _ = asked[name][-1]
        second = journal[name].get("doubled")
        if kind == "check":
            found += 1
            expect(second is not None and second <= answered, f"{name}: doubled by squall's word, and not by the journal's")
        else:
            expect_equal(kind, "ok", name)
            missed += second is not None
            expect(second is None or second >= received, f"{name}: its double came before the last look")
    expect(found > 0 and missed > 0, f"{found} doubles found and {missed} missed: nothing is compared")
    expect_counts(ours, {"ok": count - found, "check": found}, "late doubles")
    figure(f"{count:,} transactions, half of them doubled within {2 * SETTLE_MS} ms: {found} found, {missed} came after the last look")


def what_the_end_cuts_is_told_apart():
    broker = Mosquitto()
    city = City(broker=broker, journal=True)
    city.post("/tx", drop=0.05, double=0.05, visible_sigma=0.3)
    path = file_path("samples.jsonl")
    ours = squall(named_by_user(), "--shards", "2", "--rate", "200/s", "--for", "4s", "--drain", "50ms", "--out",
                  f"jsonl={path}", city=city)
    journal, ended = transactions(city), samples(path)
    classes = collections.Counter(kind for kind, _ in ended.values())
    row = expect_counts(ours, classes, "a run with an early end")
    begun = row["count"] + row["cut"]
    expect_equal(begun, ours.one(name="publish")["count"] + ours.one(name="publish")["cut"], "begun, and published")
    expect(classes["cut"] > 10 and classes["timeout"] > 0 and classes["check"] > 0, f"all classes are there: {classes}")
    for name, (kind, _) in ended.items():
        happened = journal.get(name, {})
        expect(kind == "cut" or kind == ("timeout" if "dropped" in happened else "check" if "doubled" in happened else "ok"),
               f"{name}: {kind}, and in the journal {sorted(happened)}")
    unpublished = set(ended) - set(journal)
    expect(set(journal) <= set(ended) and all(ended[name][0] == "cut" for name in unpublished), "journal and samples are of other ids")
    figure(f"{begun} begun = {classes['ok']} ok + {classes['timeout']} lost + {classes['check']} doubled + {classes['cut']} cut; "
           f"{len(journal)} published by the journal")


show(counts_equal_the_journal, each_sample_is_its_transaction, late_is_timeout_and_visible_later,
     a_double_after_the_last_look_is_not_known, what_the_end_cuts_is_told_apart)
