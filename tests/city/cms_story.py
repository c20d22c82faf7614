"""The content system: pages that carry a revision, jobs that raise it, and a journal that says who worked on what."""
import http.client
import os
import re
import subprocess
import time
import unittest

from city_process import DEADLINE_S, Story, free_port

MS = 1_000_000


class CmsStory(Story):
    def ask(self, method, path, body=None):
        """The status, the fields and the body of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.city.http, timeout=DEADLINE_S)
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, content

    def revision(self, path):
        status, fields, content = self.ask("GET", path)
        self.assertEqual(status, 200, path)
        found = int(re.search("<!-- rev:([0-9]+) -->", content)[1])
        self.assertEqual(fields["ETag"], f'"{found}"')
        return found

    def begin(self, record, site="A"):
        status, _, job = self.ask("POST", "/cms/jobs", f"site={site}&record={record}&type=Content")
        self.assertEqual(status, 201)
        return job

    def end(self, job):
        return self.ask("POST", f"/cms/jobs/{job}/end")

    def run_jobs(self, count):
        """One after another, each on a record of its own; what each ended with."""
        return [self.end(self.begin(f"r-{number}"))[2] for number in range(count)]

    def journal(self, *whats):
        return [event for event in self.city.control("GET", "/cms/journal")[1] if event["what"] in whats]

    def test_a_job_raises_the_revision_of_its_page_and_no_other(self):
        self.city.post("/cms", visible_s=0.05)
        self.assertEqual(self.revision("/s/A/content/p-1"), 1)
        job = self.begin("p-1")
        self.assertRegex(job, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertEqual(self.revision("/s/A/content/p-1"), 1)
        self.assertEqual(self.end(job)[::2], (200, "OK"))
        deadline = time.monotonic() + DEADLINE_S
        while self.revision("/s/A/content/p-1") == 1:
            self.assertLess(time.monotonic(), deadline)
        start, end, visible = self.journal("job_start", "job_end", "visible")
        self.assertEqual([event["what"] for event in (start, end, visible)], ["job_start", "job_end", "visible"])
        self.assertEqual(visible["at_ns"] - end["at_ns"], 50 * MS)
        self.assertEqual((start["site"], start["record"], start["type"], end["result"]), ("A", "p-1", "Content", "OK"))
        self.assertEqual([self.revision(path) for path in ("/s/A/p-1", "/s/A/p-2", "/s/B/content/p-1")], [2, 1, 1])

    def test_a_revision_that_is_to_come_is_not_in_the_journal(self):
        self.city.post("/cms", visible_s=3600)
        self.run_jobs(1)
        self.assertEqual(self.journal("visible"), [])
        self.assertEqual(self.revision("/s/A/r-0"), 1)

    def test_the_size_of_a_page_belongs_to_its_path(self):
        sizes = [len(self.ask("GET", f"/s/A/{number}.html")[2]) for number in range(200)]
        self.assertEqual(sizes, [len(self.ask("GET", f"/s/A/{number}.html")[2]) for number in range(200)])
        # the median of 200 draws lies between 9 and 17 kB but once in a thousand
        self.assertTrue(9_000 < sorted(sizes)[100] < 17_000, sorted(sizes)[100])

    def test_errors_and_what_never_shows_are_shares_that_a_seed_repeats(self):
        self.city.post("/cms", visible_s=0, errors=0.3, never=0.2, seed=7)
        results = self.run_jobs(400)
        failed = results.count("ERR the index is busy")
        self.assertEqual(failed + results.count("OK"), 400)
        counts = self.city.control("GET", "/cms")[1]
        self.assertEqual((counts["begun"], counts["ok"], counts["failed"]), (400, 400 - failed, failed))
        self.assertEqual(len(self.journal("visible")), 400 - failed - counts["never"])
        self.assertTrue(80 < failed < 160, failed)  # 120 ± 4.3 standard deviations
        self.assertTrue(25 < counts["never"] < 90, counts["never"])
        self.city.post("/reset")
        self.assertEqual(self.run_jobs(400), results)
        self.city.post("/cms", visible_s=0, errors=0.3, never=0.2, seed=8)
        self.city.post("/reset")
        self.assertNotEqual(self.run_jobs(400), results)

    def test_a_missing_page_stays_missing(self):
        self.city.post("/cms", missing=0.1)
        statuses = [self.ask("GET", f"/s/A/{number}")[0] for number in range(500)]
        self.assertEqual(set(statuses), {200, 404})
        self.assertTrue(20 < statuses.count(404) < 85, statuses.count(404))
        self.assertEqual([self.ask("GET", f"/s/A/{number}")[0] for number in range(500)], statuses)

    def test_two_jobs_on_one_record_are_an_overlap(self):
        first, other, elsewhere = self.begin("p"), self.begin("q"), self.begin("p", site="B")
        counts = self.city.control("GET", "/cms")[1]
        self.assertEqual((counts["overlaps"], counts["running"], counts["most_running"]), (0, 3, 3))
        second = self.begin("p")
        self.assertEqual(self.city.control("GET", "/cms")[1]["overlaps"], 1)
        for job in (first, second, other, elsewhere):
            self.assertEqual(self.end(job)[0], 200)
        self.end(self.begin("p"))
        counts = self.city.control("GET", "/cms")[1]
        self.assertEqual((counts["overlaps"], counts["running"], counts["most_running"]), (1, 0, 4))

    def test_what_makes_no_sense_is_refused(self):
        for body in ("", "site=A&record=p", "site=A&type=T", "record=p&type=T", "site=&record=p&type=T"):
            self.assertEqual(self.ask("POST", "/cms/jobs", body)[0], 400, body)
        job = self.begin("p")
        self.assertEqual(self.end("0000")[0], 404)
        self.assertEqual(self.ask("POST", f"/cms/jobs/{job}/finish")[0], 404)
        self.assertEqual(self.ask("POST", "/cms/elsewhere")[0], 404)
        self.assertEqual([self.end(job)[0], self.end(job)[0]], [200, 404])
        self.assertEqual([self.ask("GET", path)[0] for path in ("/s", "/s/A", "/s/A/")], [404] * 3)
        for wishes in ({"errors": 1.5}, {"never": -1}, {"missing": "some"}, {"colour": 1}):
            self.assertEqual(self.city.control("POST", "/cms", wishes)[0], 400, wishes)

    def test_a_reset_forgets_jobs_and_keeps_the_behaviour(self):
        self.city.post("/cms", visible_s=0, errors=1)
        self.assertEqual(self.run_jobs(2), ["ERR the index is busy"] * 2)
        running = self.begin("p")
        self.city.post("/reset")
        self.assertEqual(set(self.city.control("GET", "/cms")[1].values()), {0})
        self.assertEqual(self.journal("job_start", "job_end"), [])
        self.assertEqual(self.end(running)[0], 404)
        self.assertEqual(self.run_jobs(1), ["ERR the index is busy"])


class JobProgramStory(Story):
    """cmsjob as a test tool starts it."""

    def run_program(self, *words, port=None):
        url = f"http://127.0.0.1:{port or self.city.http}"
        return subprocess.run([os.environ["CMSJOB"], "--url", url, *words], capture_output=True, text=True,
                              timeout=DEADLINE_S)

    ON_A_RECORD = ("--site", "A", "--record", "p-7", "--type", "Preview")

    def test_it_prints_its_job_and_how_that_ended(self):
        done = self.run_program(*self.ON_A_RECORD)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "^JOB [0-9a-f-]{36}\nOK\n$")
        self.city.post("/cms", errors=1)
        done = self.run_program(*self.ON_A_RECORD)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "^JOB [0-9a-f-]{36}\nERR the index is busy\n$")
        kinds = [(event["what"], event["record"], event["type"]) for event in self.city.control("GET", "/cms/journal")[1]]
        self.assertEqual(kinds[:2], [("job_start", "p-7", "Preview"), ("job_end", "p-7", "Preview")])

    def test_its_work_lies_between_start_and_end(self):
        self.assertEqual(self.run_program(*self.ON_A_RECORD, "--work", "0.2").returncode, 0)
        start, end = self.city.control("GET", "/cms/journal")[1][:2]
        self.assertGreaterEqual(end["at_ns"] - start["at_ns"], 200 * MS)

    def test_exit_codes_tell_a_silent_city_from_a_bad_command_line(self):
        for words in ((), ("--site", "A"), ("--site", "A", "--record"), (*self.ON_A_RECORD, "--work", "long"),
                      (*self.ON_A_RECORD, "--work", "-1"), (*self.ON_A_RECORD, "--wrok", "1"), ("x", "y")):
            done = self.run_program(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn("usage: cmsjob", done.stderr)
        self.assertEqual(self.city.control("GET", "/cms")[1]["begun"], 0)
        done = self.run_program(*self.ON_A_RECORD, port=free_port())
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("cmsjob: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
