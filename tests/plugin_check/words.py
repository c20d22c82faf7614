"""What squall plugins check says to a user who mistypes, and that a seed repeats what it drew."""
import os
import shutil
import subprocess
import sys
import tempfile

squall, plugins = sys.argv[1:3]
udp = os.path.join(plugins, "libudp.so")


def check(*words):
    done = subprocess.run([squall, "plugins", "check", *words], capture_output=True, text=True, timeout=120, close_fds=True)
    return done.returncode, done.stdout + done.stderr


wrong = []


def expect(code, words, *arguments):
    found, text = check(*arguments)
    if found != code or words not in text:
        wrong.append(f"{arguments}: wanted {code} and '{words}', got {found}\n{text}")
    return text


with tempfile.TemporaryDirectory() as folder:
    text = os.path.join(folder, "text.so")
    open(text, "w").write("no library")
    expect(1, "FAILED  loader", text)
with tempfile.TemporaryDirectory() as folder:   # a program without its kit beside it
    os.makedirs(os.path.join(folder, "bin"))
    shutil.copy(squall, os.path.join(folder, "bin"))
    done = subprocess.run([os.path.join(folder, "bin", "squall"), "plugins", "check", udp], capture_output=True, text=True, timeout=120)
    if done.returncode != 109 or "lib/squall/squall-plugin-check: No such file" not in done.stderr:
        wrong.append(f"without its kit: {done.returncode} {done.stderr}")
expect(2, "FILE is required")
expect(2, "no test 'call'; there are loading", udp, "--test", "call")
expect(2, "write NAME=VALUE", udp, "--set", "payload")
expect(2, "does not exist", "absent.so")
expect(0, "--operation", "--help")
expect(1, "it has no operation or task 'sned'", udp, "--test", "description", "--operation", "sned")
one = expect(0, "libudp.so: all 3 tests of the kit passed (seed 7)", udp, "--test", "options", "--test", "calls", "--seed", "7")
if one != expect(0, "seed 7", udp, "--test", "options", "--test", "calls", "--seed", "7"):
    wrong.append("the same seed says something else:\n" + one)
expect(0, "steps prepared", udp, "--test", "parameters", "--set", "payload=hello")
sys.exit("\n".join(wrong) or 0)
