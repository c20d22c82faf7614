# examples/cms with its job as a script of PowerShell, against a city: every job that the script says it has ended, the
# city has ended too. Skipped where pwsh is not installed. Arguments: the source folder, squall, city.
# PWSH: the program, when it is not on the PATH.
import json
import os
import shutil
import subprocess
import sys
import tempfile

source, squall, os.environ["CITY"] = sys.argv[1:4]
sys.path.insert(0, os.path.join(source, "tests/city"))
from city_process import City  # noqa: E402 (it stands in another folder)

pwsh = os.environ.get("PWSH") or shutil.which("pwsh")
if not pwsh:
    print("skipped: pwsh is not installed")
    sys.exit(77)

city = City()
results = tempfile.mkdtemp(prefix="powershell-story-")
try:
    city.post("/cms", visible_s=0)
    environment = dict(os.environ, CITY_HTTP=f"http://127.0.0.1:{city.http}", PWSH=os.path.abspath(pwsh))
    done = subprocess.run([squall, "run", f"{source}/examples/cms/cms.yaml", "--profile", "3", "--set", "job=publish",
                           "--set", "sites=[A, B]", "--users", "2", "--iterations", "6", "--results", results,
                           "--accept-invalid"], capture_output=True, text=True, env=environment, timeout=200)
    with open(os.path.join(results, "result.json")) as file:
        result = json.load(file)
    jobs = [row for row in result["series"] if row["name"] == "PreviewJob"]
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert len(jobs) == 1 and (jobs[0]["count"], jobs[0]["failed"]) == (6, 0), jobs
    counts = city.control("GET", "/cms")[1]
    assert (counts["begun"], counts["ok"], counts["running"], counts["overlaps"]) == (6, 6, 0, 0), counts
    print(f"{counts['ok']} jobs of {pwsh} begun and ended")
finally:
    city.end()
    shutil.rmtree(results)
