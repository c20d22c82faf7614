"""What the stories about the program share: calling it, small servers on free ports, and keeping count of what
did not hold. Each story is a script; conclude() is its last line."""
import http.server
import os
import socketserver
import ssl
import subprocess
import threading

SQUALL = os.path.join(os.environ.get("SQUALL_BIN_DIR", "build/release/bin"), "squall")
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED:", what)


def conclude():
    print("failed" if failures else "held")
    raise SystemExit(1 if failures else 0)


def squall(*words, env=None, timeout=60):
    return subprocess.run([SQUALL, *map(str, words)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})})


class Page(http.server.BaseHTTPRequestHandler):
    """hello; /page counts 1, 2, 0; /broken answers 503, /login sets a cookie and gives a token, /binary is no text; POST echoes."""
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, *headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/binary":
            return self.answer(200, bytes(range(256)) * 40)
        if self.path.startswith("/page"):
            self.server.pages = getattr(self.server, "pages", 0) + 1
            return self.answer(200, f"pass {self.server.pages % 3}".encode())
        self.answer(503 if self.path == "/broken" else 200, b"hello")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/login":
            return self.answer(200, b'{"token": "tkn-1"}', ("Set-Cookie", "sid=cookie-value; Path=/"))
        self.answer(200, body)

    def log_message(self, *_):
        pass


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def http_server():
    return f"http://127.0.0.1:{serve(http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page))}"


def https_server(folder):
    """Address and certificate of a server that signs for itself."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{serve(server)}", certificate


def tcp_echo():
    class Echo(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                self.wfile.write(line)
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    return f"tcp://127.0.0.1:{serve(server)}"


def udp_echo():
    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            data, socket = self.request
            socket.sendto(data, self.client_address)
    return f"udp://127.0.0.1:{serve(socketserver.ThreadingUDPServer(('127.0.0.1', 0), Echo))}"
