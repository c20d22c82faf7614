"""Something to load with scenario.yaml: python3 server.py [PORT]. It has a home page and articles, of which those above 90 are
gone, and prints the port it listens on (PORT 0: a free one)."""
import http.server
import sys


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    wbufsize = -1  # head and body leave together: apart, Nagle and a late ACK make 40 ms of an answer

    def do_GET(self):
        number = self.path.removeprefix("/article/")
        is_there = self.path == "/" or number.isdigit() and int(number) <= 90
        body = f"this is {self.path}\n".encode()
        self.send_response(200 if is_there else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024


server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 7009), Pages)
print(server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
