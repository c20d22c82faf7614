"""An nginx for the stories here: a log of `connection requests-of-it status path`, unbuffered, read when it is long enough."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/must_show"))
from harness import file_path, on_free_port, program, start, wait_until, write_file  # noqa: E402


class LoggingNginx:
    """`http` and `server`: further lines of those blocks; files lie in `www`."""

    def __init__(self, server, http="", requests_a_connection=1_000_000):
        self.folder = file_path("nginx")
        self.www = os.path.join(self.folder, "www")
        os.makedirs(self.www)
        self.log = os.path.join(self.folder, "access.log")

        def begin(port):
            conf = write_file("nginx.conf", f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off; master_process off; pid {self.folder}/pid; events {{ }}
http {{
  log_format sums '$connection $connection_requests $status $uri'; access_log {self.log} sums;
  keepalive_requests {requests_a_connection}; {http}
  client_body_temp_path {self.folder}/1; proxy_temp_path {self.folder}/2; fastcgi_temp_path {self.folder}/3;
  uwsgi_temp_path {self.folder}/4; scgi_temp_path {self.folder}/5;
  server {{ listen 127.0.0.1:{port}; root {self.www}; {server} }}
}}
""")
            return start([program("nginx"), "-e", f"{self.folder}/error.log", "-c", conf])
        self.process, self.port = on_free_port(begin)

    def lines_when(self, count):
        """Each line as [connection, number of the request on it, status, path]."""
        def lines():
            with open(self.log) as file:
                return [line.split() for line in file if line.endswith("\n")]
        wait_until(lambda: len(lines()) >= count, f"{count} lines of nginx", 10)
        return lines()
