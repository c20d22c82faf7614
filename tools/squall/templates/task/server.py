"""A shop to try scenario.yaml against: python3 server.py [PORT]. It has a home page, articles and a stock, takes orders, and
prints the port it listens on (PORT 0: a free one)."""
import http.server
import sys


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        known = self.path in ("/", "/stock") or self.path.startswith("/article/")
        self.answer(200 if known else 404, f"article, stock and all: {self.path}\n")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201 if self.headers.get("X-Account") else 403, "thank you\n")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024


server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 7008), Shop)
print(server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
