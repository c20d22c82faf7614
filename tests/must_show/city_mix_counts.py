"""The city mix at ten times its pace, for a minute on one shard: what was planned was sent, and what was sent
arrived, to the message and to the byte.

The judges: the city's counters and journal, mosquitto_sub, and mosquitto's own count of PUBLISH packets.
"""
import os
import re

from harness import (BIN, ROOT, City, Mosquitto, Run, Subscriber, check, expect, expect_equal, expect_passed, figure,
                     need_descriptors, show)

SCENARIO = os.path.join(ROOT, "examples/city-mix.yaml")
PERIODIC = {"M2": 54000, "T2": 90000, "B1": 4800, "C2": 3000, "T1": 750}
MQTT, UDP, HTTP = ("M2", "L1", "P1", "B1"), ("T2", "V1"), ("A1", "T1", "C2", "K1", "U1")


def publish_bytes(qos, length, topic):
    """How long a PUBLISH packet of MQTT 3.1.1 is."""
    remaining = 2 + len(topic) + (2 if qos else 0) + length
    return 1 + (1 if remaining < 128 else 2 if remaining < 16384 else 3) + remaining


def city_mix_counts():
    need_descriptors(16384)
    broker = Mosquitto()
    city = City(broker=broker, journal=True)
    subscriber = Subscriber(broker, "city/#")

    code, text = check(SCENARIO, "--compress", "10", "-d", "60s", city=city)
    expect_equal(code, 0, "squall check")
    planned = {name: int(count) for name, count in re.findall(r"^population +(\w+) .*: (\d+) iterations", text, re.M)}
    for name, count in PERIODIC.items():
        expect_equal(planned.get(name), count, f"what check plans for {name}")

    run = Run(SCENARIO, "--compress", "10", "-d", "60s", "--shards", "1", city=city, limit_s=150).wait()
    expect_passed(run, "the run")
    generator = run.result["generator"]
    figure(f"lag p99 {generator['lag_ms']['p99']:.2f} ms, max {generator['lag_ms']['max']:.1f} ms, "
           f"busiest second {max(generator['busy']):.2f}, RSS {generator['peak_rss_bytes'] / 1e6:.0f} MB")
    ours = {s["task"]: s for s in run.result["series"]
            if s["operation"] in ("mqtt.publish", "udp.send", "http.get", "http.post", "http.put")}
    expect_equal(sorted(ours), sorted(MQTT + UDP + HTTP), "classes that were sent")
    for name, series in ours.items():
        expect(series["count"] > 0, f"{name}: nothing was sent, so nothing is compared")
        expect_equal(series["failed"] + series["cut"], 0, f"{name}: failed or cut")
        if name in planned:
            expect_equal(series["count"], planned[name], f"{name}: sent, and planned by check")

    published = sum(ours[name]["count"] for name in MQTT)
    messages = subscriber.messages_when(published)
    counters = city.counters_when(lambda c: c["mqtt"]["messages"] >= published)
    expect_equal(broker.published_when(published), published, "$SYS/broker/publish/messages/received")
    for name in MQTT:
        of_class = [m for m in messages if m[2].split("/")[1] == name]
        truth = counters["mqtt"]["by_class"].get(name, {"count": 0, "bytes": 0})
        expect_equal(ours[name]["count"], truth["count"], f"{name}: messages, and the city's subscriber")
        expect_equal(len(of_class), truth["count"], f"{name}: mosquitto_sub, and the city's subscriber")
        expect_equal(sum(m[1] for m in of_class), truth["bytes"], f"{name}: payload bytes of both subscribers")
        expect_equal(ours[name]["sent_bytes"], sum(publish_bytes(*m) for m in of_class),
                     f"{name}: bytes sent, and those of the packets with these topics and payloads")
        figure(f"{name}: {truth['count']} messages, {truth['bytes']} payload bytes, equal")

    journal = city.journal()
    for name in HTTP:
        lines = [line for line in journal if line["class"] == name]
        truth = counters["http"]["by_class"].get(name, {"count": 0, "bytes": 0})
        expect_equal(ours[name]["count"], truth["count"], f"{name}: requests, and the city's")
        expect_equal(ours[name]["sent_bytes"], sum(line["request_bytes"] for line in lines), f"{name}: request bytes")
        expect_equal(ours[name]["received_bytes"], sum(line["response_bytes"] for line in lines),
                     f"{name}: response bytes")
        figure(f"{name}: {truth['count']} requests, {truth['bytes']} payload bytes, equal")
    expect_equal(sum(ours[n]["count"] for n in HTTP), counters["http"]["requests"], "requests in total")

    dropped = counters["udp"]["dropped"]
    expect_equal(sum(ours[n]["count"] for n in UDP), counters["udp"]["datagrams"] + dropped,
                 "datagrams sent, and counted or dropped by the receiver's kernel")
    for name in UDP:
        truth = counters["udp"]["by_class"].get(name, {"count": 0, "bytes": 0})
        lost = ours[name]["count"] - truth["count"]
        if dropped == 0:
            expect_equal(ours[name]["count"], truth["count"], f"{name}: datagrams")
            expect_equal(ours[name]["sent_bytes"], truth["bytes"], f"{name}: payload bytes")
        figure(f"{name}: {truth['count']} datagrams, {truth['bytes']} payload bytes, {lost} lost")


show(city_mix_counts)
