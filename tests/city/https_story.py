"""The same answers over TLS, with the certificates that the city makes."""
import http.client
import json
import os
import ssl
import unittest

from city_process import DEADLINE_S, City, Story, filler
from xxh64 import xxh64


def trusting(city):
    return ssl.create_default_context(cafile=city.ca)


class TlsStory(Story):
    def connect(self, context):
        connection = http.client.HTTPSConnection("127.0.0.1", self.city.https, timeout=DEADLINE_S, context=context)
        self.addCleanup(connection.close)
        return connection


class HttpsStory(TlsStory):
    def test_bodies_both_ways(self):
        connection = self.connect(trusting(self.city))
        body = os.urandom(300_000)
        connection.request("PUT", "/upload/x?checksum=1", body)
        self.assertEqual(json.loads(connection.getresponse().read()), {"bytes": len(body), "xxh64": xxh64(body)})
        connection.request("PUT", "/upload/x", body)
        self.assertEqual(json.loads(connection.getresponse().read()), {"bytes": len(body)})
        connection.request("GET", "/bytes/2000000")
        self.assertEqual(connection.getresponse().read(), filler(2_000_000))
        connection.request("GET", "/", headers={"Connection": "close"})
        self.assertIn(b"City", connection.getresponse().read())
        counters = self.city.counters()
        self.assertEqual((counters["https"]["connections"], counters["https"]["requests"]), (1, 4))
        self.assertEqual(counters["https"]["request_body_bytes"], 600_000)
        self.assertEqual(counters["http"]["requests"], 0)

    def test_a_client_that_does_not_trust_it_is_counted(self):
        with self.assertRaises(ssl.SSLError):
            self.connect(ssl.create_default_context()).request("GET", "/")
        counts = self.city.counters_when(lambda c: c["https"]["tls_failures"] == 1)["https"]
        self.assertEqual((counts["tls_failures"], counts["requests"]), (1, 0))

    def test_alpn_is_http_1_1(self):
        context = trusting(self.city)
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(self.city.connect("https"), server_hostname="localhost") as connection:
            self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")


class ClientCertificateStory(TlsStory):
    options = ("--tls-client-ca", "own")

    def test_with_and_without_a_certificate(self):
        context = trusting(self.city)
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            connection = self.connect(context)
            connection.request("GET", "/")
            connection.getresponse()
        context.load_cert_chain(self.city.client_cert, self.city.client_key)
        connection = self.connect(context)
        connection.request("GET", "/")
        self.assertEqual(connection.getresponse().status, 200)


class OwnDirectoryStory(unittest.TestCase):
    def test_a_temporary_directory_ends_with_the_city(self):
        city = City("--tls-dir", "")  # the later option wins; empty is the default
        self.assertTrue(os.path.exists(city.ca))
        city.end()
        self.assertFalse(os.path.exists(os.path.dirname(city.ca)))


if __name__ == "__main__":
    unittest.main()
