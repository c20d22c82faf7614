"""What squall says it sent is what servers logged, however a run ends: by duration, by budget, by a signal.

The judges: nginx's access log (requests, bytes both ways, connections), mosquitto_sub and mosquitto's $SYS (both
MQTT clients, each QoS), and the city's journal (one logout per login, with failures and a signal in the middle).
"""
import os
import signal

from harness import (FOLDER, FULL, City, Mosquitto, Nginx, Run, Subscriber, expect, expect_closed, expect_equal,
                     figure, show, squall, wait_until)

PAGES = """
targets: { site: "${env.SITE}" }
tasks:
  page: { steps: [ http.get: { path: "/page/${rand.int(1, 99999)}", name: page } ]%s }
  form: { steps: [ http.post: { path: "/form", body: "${pad('', %d, 'x')}", name: form } ] }
populations:
  loop:   { tasks: [ page, form ], load: { users: 7 } }
  paced:  { tasks: page, load: { rate: %d/s, arrivals: poisson } }
  fresh:  { tasks: page, load: { users: 3 }, connection: new }
run: { for: %s, valid: { lag: 1s } }
"""


def nginx_log():
    nginx = Nginx()
    by_end = {"duration": 0, "budget": 0, "signal": 0}
    total = 0
    for number in range(20):
        how = list(by_end)[number % 3]
        budget = f", stop_after: {{ requests: {101 + 37 * number} }}" if how == "budget" else ""
        length = f"{700 + 53 * number}ms" if how == "duration" else "1500ms" if how == "budget" else "60s"
        scenario = PAGES % (budget, 10 + 61 * number, 100 + 40 * number, length)
        run = Run(scenario, "--seed", str(number + 1), "--shards", str(1 + number % 2), env={"SITE": nginx.url})
        lines = []
        if how == "signal":
            def has_lines():
                lines.extend(nginx.new_lines())
                return len(lines) > 500 + 300 * number
            wait_until(has_lines, "requests in nginx's log")
            run.signal(signal.SIGINT if number % 2 else signal.SIGTERM)
        run.wait()
        what = f"run {number + 1}, ended by {how}"
        expect_equal(run.code, 105 if how == "signal" else 0, f"{what}: exit code ({run.last_line()})")
        if not expect(run.result is not None, f"{what}: results are written"):
            continue
        expect_closed(run, what)
        series = run.result["series"]
        count = sum(s["count"] for s in series)
        expect_equal({s["name"] for s in series if s["count"]}, {"page", "form"}, f"{what}: kinds of requests sent")
        expect_equal(sum(s["cut"] for s in series), 0, f"{what}: cut, although the server answers at once")
        lines += nginx.new_lines_when(count - len(lines))
        expect_equal(count, len(lines), f"{what}: requests, and lines of the log")
        expect_equal(sum(s["failed"] for s in series), sum(1 for line in lines if int(line[2]) >= 400), f"{what}: failed")
        expect_equal(sum(s["sent_bytes"] for s in series), sum(int(line[3]) for line in lines), f"{what}: bytes sent")
        expect_equal(sum(s["received_bytes"] for s in series), sum(int(line[4]) for line in lines), f"{what}: bytes received")
        opened = sum(c["opened"] for c in run.result["connections"])
        used = len({line[0] for line in lines})
        # A connection that was opened may have carried nothing when the end came; none may be missing.
        expect(used <= opened <= used + (10 if how == "signal" else 0),
               f"{what}: {opened} connections opened, {used} in the log")
        by_end[how] += 1
        total += count
    figure(f"nginx: {total} requests in 20 runs, ended {by_end}, counted and measured to the byte")


PUBLISH = """
targets: { broker: { url: "${env.BROKER}", client: %s } }
tasks:
  tell: { steps: [ mqtt.publish: { topic: "proof/${user.index}", payload: { size: { uniform: [ 1, 3000 ] } }, qos: %d, name: tell } ],
          stop_after: { requests: %d } }
populations: { devices: { tasks: tell, load: { users: 10 } } }
run: { for: 60s, valid: { lag: 1s } }
"""


def mqtt_counts():
    count = 20_000 if FULL else 3_000
    for client in ("mosquitto", "paho"):
        for qos in (0, 1, 2):
            broker = Mosquitto()
            subscriber = Subscriber(broker, "proof/#")
            what = f"{client}, QoS {qos}"
            run = squall(PUBLISH % (client, qos, count), env={"BROKER": broker.url}, limit_s=90)
            expect_equal(run.code, 0, f"{what}: exit code ({run.last_line()})")
            series = run.one(name="tell")
            expect_equal((series["count"], series["failed"], series["cut"]), (count, 0, 0), f"{what}: count, failed, cut")
            messages = subscriber.messages_when(count)
            expect_equal(len(messages), count, f"{what}: messages at mosquitto_sub")
            payload = sum(m[1] for m in messages)
            expect_equal(broker.published_when(payload, "bytes"), payload, f"{what}: payload bytes of $SYS")
            if qos < 2:
                expect_equal(broker.published_when(count), count, f"{what}: messages of $SYS")
            expect_equal({m[0] for m in messages}, {qos}, f"{what}: QoS at mosquitto_sub")
            expect_equal(series["sent_bytes"], sum(packet_bytes(*m) for m in messages), f"{what}: bytes sent")
            expect_closed(run, what)
            figure(f"{what}: {count} messages, {payload} payload bytes, equal")


def packet_bytes(qos, length, topic):
    """What the client sends for one message: PUBLISH of MQTT 3.1.1, and with QoS 2 PUBREL."""
    remaining = 2 + len(topic) + (2 if qos else 0) + length
    return 1 + (1 if remaining < 128 else 2 if remaining < 16384 else 3) + remaining + (4 if qos == 2 else 0)


LOGIN = """
targets: { site: "${env.CITY_HTTP}" }
data: { users: { file: people.csv, pick: per_user } }
tasks:
  read:
    - http.get: { path: /page/lamps, headers: { Authorization: "Bearer ${token}" }, name: page }
    - wait: { exponential: 50ms }
populations:
  readers:
    load: { stages: [ { for: 2s, users: 200 }, { for: 1s, users: 200 }, { for: 2s, users: 20 }, { for: 2s, users: 200 }, { for: 30s, users: 200 } ] }
    on_start:
      - http.post: { path: /login, json: { user: "${users.name}", password: "${users.password}" }, name: login }
        capture: { token: { json: token } }
    on_stop:
      - if: { value: "${token:-}", not: { equals: "" } }
        steps: [ http.post: { path: /logout, headers: { Authorization: "Bearer ${token}" }, name: logout } ]
run: { for: 60s, valid: { lag: 1s } }
"""


def one_logout_per_login():
    with open(os.path.join(FOLDER, "people.csv"), "w") as file:
        file.write("name,password\n" + "".join(f"user{i},secret{i}\n" for i in range(200)))
    city = City(journal=True)
    city.post("/errors", rate=0.05, status=503)
    run = Run(LOGIN, city=city)
    wait_until(lambda: city.counters()["http"]["logouts"] > 100 and city.counters()["http"]["open"] > 100,
               "users who went and users who came back")
    run.signal(signal.SIGINT)
    run.wait()
    expect_equal(run.code, 105, f"login: exit code ({run.last_line()})")
    if not expect(run.result is not None, "login: results are written"):
        return
    expect_closed(run, "login")
    lines = city.journal()
    # A failure is injected before the city looks at the request: such a login never was, such a logout was tried.
    logins = [line for line in lines if line["path"] == "/login" and line["status"] == 200]
    logouts = [line for line in lines if line["path"] == "/logout"]
    failed_logouts = [line for line in logouts if line["status"] == 503]
    expect_equal(len(logouts), len(logins), "login: logout requests, and logins that succeeded")
    counters = city.counters()["http"]
    expect_equal(counters["logouts"] + len(failed_logouts), counters["logins"], "login: logouts and failed ones, and logins")
    expect_equal({line["status"] for line in logouts} - {200, 204, 503}, set(), "login: other answers to logouts")
    expect_equal(sum(s["count"] + s["cut"] for s in run.result["series"]), len(lines), "login: requests, and lines of the journal")
    expect(len(logins) > 200, f"login: {len(logins)} logins, so nobody came back")
    figure(f"login: {len(logins)} logins, {len(logouts)} logouts ({len(failed_logouts)} of them made to fail), "
           f"{len(lines)} requests, {counters['injected_errors']} failures injected, then SIGINT")


def signal_in_a_slow_answer():
    """A signal while answers take 300 ms: they are waited for, and nothing is cut."""
    city = City(journal=True)
    city.post("/delay", ms=300)
    run = Run(PAGES % ("", 50, 50, "60s"), env={"SITE": f"http://127.0.0.1:{city.http}"})
    wait_until(lambda: city.counters()["http"]["requests"] > 100, "requests")
    run.signal(signal.SIGINT)
    run.wait()
    expect_equal(run.code, 105, f"signal: exit code ({run.last_line()})")
    series = run.result["series"]
    expect_equal(run.result["verdict"], "stopped", "signal: verdict")
    expect_equal(sum(s["cut"] for s in series), 0, "signal: cut within the grace")
    expect_equal(sum(s["count"] for s in series), len(city.journal()), "signal: requests, and the city's")
    expect_closed(run, "signal")
    figure(f"signal: {len(city.journal())} requests, all answers waited for, verdict {run.result['verdict']}")


CONNECTIONS = """
targets: { site: "${env.CITY_HTTP}" }
tasks: { visit: [ http.get: { path: /page/x, name: visit } ] }
populations: { visitors: { tasks: visit, load: { users: 1 }, %sstop_after: { requests: 1400 } } }
run: { for: 60s, valid: { lag: 1s } }
"""


def connections():
    """Opened, reused and closed by the peer: as many as the server says, when it ends them and when we do."""
    for what, after, words in (("one for all", 0, ""), ("a new one for each", 0, "connection: new, "),
                               ("ended after each", 1, ""), ("ended after 7", 7, ""), ("ended after 100", 100, "")):
        city = City()
        if after:
            city.post("/close", after=after, announce=True)
        run = squall(CONNECTIONS % words, city=city)
        expect_equal(run.code, 0, f"connections, {what}: exit code ({run.last_line()})")
        truth = city.counters()["http"]
        expected = 1400 // after if after else 1400 if words else 1
        ours = run.result["connections"][0]
        expect_equal(truth["requests"], 1400, f"connections, {what}: requests")
        expect_equal(truth["connections"], expected, f"connections, {what}: the city's")
        expect_equal(ours["opened"], truth["connections"], f"connections, {what}: opened")
        expect_equal(ours["reused"], 1400 - expected, f"connections, {what}: reused")
        figure(f"connections, {what}: {ours['opened']} opened, {ours['reused']} reused, {ours['closed_by_peer']} closed by the peer")


show(nginx_log, connections, mqtt_counts, one_logout_per_login, signal_in_a_slow_answer)
