// The allow-list: which addresses are understood, which are refused and with which words, and to
// which listed target a URL or an IP address belongs.
#include "net/target.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

struct Good {
  const char* text;
  const char* scheme;
  const char* host;
  std::uint16_t port;
  const char* path;
  bool is_tls;
};
class GoodUrl : public testing::TestWithParam<Good> {};
TEST_P(GoodUrl, IsTakenApart) {
  const auto [url, error] = parse_target_url(GetParam().text);
  ASSERT_TRUE(url) << error;
  EXPECT_EQ(url->scheme, GetParam().scheme);
  EXPECT_EQ(url->host, GetParam().host);
  EXPECT_EQ(url->port, GetParam().port);
  EXPECT_EQ(url->path, GetParam().path);
  EXPECT_EQ(url->is_tls, GetParam().is_tls);
}
INSTANTIATE_TEST_SUITE_P(
    All, GoodUrl,
    testing::Values(Good{"http://127.0.0.1:8080", "http", "127.0.0.1", 8080, "", false},
                    Good{"HTTP://Example.ORG", "http", "example.org", 80, "", false},
                    Good{"https://example.org/", "https", "example.org", 443, "/", true},
                    Good{"https://example.org/a/b?c=d", "https", "example.org", 443, "/a/b?c=d", true},
                    Good{"http://h?x=1", "http", "h", 80, "/?x=1", false},
                    Good{"mqtt://broker", "mqtt", "broker", 1883, "", false},
                    Good{"mqtts://broker", "mqtts", "broker", 8883, "", true},
                    Good{"ws://h/live", "ws", "h", 80, "/live", false},
                    Good{"wss://h", "wss", "h", 443, "", true},
                    Good{"tcp://lake_1:9000", "tcp", "lake_1", 9000, "", false},
                    Good{"tls://10.0.0.1:1", "tls", "10.0.0.1", 1, "", true},
                    Good{"udp://[::1]:65535", "udp", "::1", 65535, "", false},
                    Good{"http://[2001:DB8:0::1]", "http", "2001:db8::1", 80, "", false},
                    Good{"http://a.b-c.d.:81", "http", "a.b-c.d.", 81, "", false},
                    Good{"http://1password.com", "http", "1password.com", 80, "", false}));

struct Bad {
  const char* text;
  const char* error;
};
class BadUrl : public testing::TestWithParam<Bad> {};
TEST_P(BadUrl, IsRefusedWithItsReason) {
  const auto [url, error] = parse_target_url(GetParam().text);
  EXPECT_FALSE(url);
  EXPECT_EQ(error, GetParam().error);
}
INSTANTIATE_TEST_SUITE_P(
    All, BadUrl,
    testing::Values(
        Bad{"", "an address is empty"}, Bad{"127.0.0.1:80", "'127.0.0.1:80' has no scheme (write http://127.0.0.1:80?)"},
        Bad{"ftp://h", "'ftp' is no known scheme (http, https, mqtt, mqtts, ws, wss, tcp, tls, udp)"},
        Bad{"http://", "'http://' has no host"}, Bad{"http://:80", "'http://:80' has no host"},
        Bad{"http://h:", "'' is no port (1 to 65535)"}, Bad{"http://h:0", "'0' is no port (1 to 65535)"},
        Bad{"http://h:65536", "'65536' is no port (1 to 65535)"},
        Bad{"http://h:8 0", "'http://h:8 0' has a blank or a control character in it"},
        Bad{"http://h\n", "'the address' has a blank or a control character in it"},
        Bad{"http://h:80x", "'80x' is no port (1 to 65535)"}, Bad{"http://h:-1", "'-1' is no port (1 to 65535)"},
        Bad{"tcp://h", "'tcp://h' needs a port (tcp://host:port)"},
        Bad{"http://me:secret@h/",
            "an address must not hold a user or password (use the operation's own: auth, user, password)"},
        Bad{"http://h/#top", "'http://h/#top' has a fragment, which is never sent (drop the part from '#')"},
        Bad{"http://::1/", "'::1' has more than one ':' (an IPv6 address stands in brackets)"},
        Bad{"http://[::1", "'http://[::1' opens a bracket that never closes"},
        Bad{"http://[127.0.0.1]", "'127.0.0.1' is no IPv6 address"},
        Bad{"http://[::1]80", "'http://[::1]80' has something between ']' and the port"},
        Bad{"http://a..b", "'a..b' is no host name or address"}, Bad{"http://-a", "'-a' is no host name or address"},
        Bad{"http://a-", "'a-' is no host name or address"}, Bad{"http://a!b", "'a!b' is no host name or address"},
        Bad{"http://127.1", "'127.1' is no host name or address"},
        Bad{"http://2130706433", "'2130706433' is no host name or address"},
        Bad{"http://0x7f.1", "'0x7f.1' is no host name or address"},
        Bad{"http://300.1.1.1", "'300.1.1.1' is no host name or address"}));

TEST(TargetTable, MatchesByOriginAlone) {
  TargetTable table;
  ASSERT_EQ(table.add("portal", "http://portal.test:8080/base", {}), "");
  ASSERT_EQ(table.add("secure", "https://portal.test", {}), "");
  ASSERT_EQ(table.add("six", "http://[::1]:80", {}), "");
  const Target* portal = table.find("portal");
  EXPECT_EQ(table.match("http://portal.test:8080/other?x#f"), portal);
  EXPECT_EQ(table.match("HTTP://PORTAL.test:8080"), portal);
  EXPECT_EQ(table.match("http://portal.test/"), nullptr);
  EXPECT_EQ(table.match("https://portal.test:443/a"), table.find("secure"));
  EXPECT_EQ(table.match("http://[0:0::1]/"), table.find("six"));
  EXPECT_EQ(table.match("http://portal.test:8080@evil.test/"), nullptr);
  EXPECT_EQ(table.match("http://portal.test.evil.test:8080/"), nullptr);
  EXPECT_EQ(table.match("/relative"), nullptr);
  EXPECT_EQ(table.match(""), nullptr);
}

TEST(TargetTable, SaysWhatIsWrong) {
  TargetTable table;
  EXPECT_EQ(table.add("a", "http://127.0.0.1", {}), "");
  EXPECT_EQ(table.add("a", "http://127.0.0.1", {}), "target 'a' is listed twice");
  EXPECT_EQ(table.add("b", "tcp://h", {}), "target 'b': 'tcp://h' needs a port (tcp://host:port)");
  EXPECT_EQ(table.add("m", "http://169.254.169.254", {}),
            "target 'm': 169.254.169.254 is never allowed (multicast, broadcast or a metadata service)");
  EXPECT_EQ(table.add("m", "udp://224.0.0.1:5", {}),
            "target 'm': 224.0.0.1 is never allowed (multicast, broadcast or a metadata service)");
  TargetOptions bad_source;
  bad_source.sources = {"eth0"};
  EXPECT_EQ(table.add("s", "http://h", bad_source), "target 's': source 'eth0' is no IP address");
  TargetOptions mixed;
  mixed.sources = {"::1"};
  EXPECT_EQ(table.add("s", "http://10.0.0.1", mixed),
            "target 's': source ::1 and 10.0.0.1 are of different IP versions");
  TargetOptions half;
  half.tls.cert = "a.pem";
  EXPECT_EQ(table.add("s", "https://h", half), "target 's': tls has a cert but no key (cert and key go together)");
  EXPECT_EQ(table.size(), 1u);
}

TEST(TargetTable, AllowsTheAddressesItsNamesResolvedTo) {
  TargetTable table;
  ASSERT_EQ(table.add("named", "mqtt://broker.test", {}), "");
  ASSERT_EQ(table.add("literal", "mqtt://10.0.0.9", {}), "");
  const Target& named = *table.find("named");
  const auto at = [](const char* ip, std::uint16_t port) { return *Address::parse(ip, port); };
  EXPECT_FALSE(table.is_allowed(named, at("10.0.0.1", 1883)));
  table.allow(named, {at("10.0.0.1", 0), at("169.254.169.254", 0), at("::ffff:169.254.169.254", 0)});
  EXPECT_TRUE(table.is_allowed(named, at("10.0.0.1", 1883)));
  EXPECT_FALSE(table.is_allowed(named, at("10.0.0.1", 1884)));
  EXPECT_FALSE(table.is_allowed(named, at("10.0.0.2", 1883)));
  EXPECT_FALSE(table.is_allowed(named, at("10.0.0.9", 1883)));
  EXPECT_FALSE(table.is_allowed(named, at("169.254.169.254", 1883)));
  EXPECT_FALSE(table.is_allowed(named, at("::ffff:169.254.169.254", 1883)));
  EXPECT_TRUE(table.is_allowed(*table.find("literal"), at("10.0.0.9", 1883)));
}

TEST(TargetTable, AsksTheHookForASessionsCertificate) {
  TargetTable table;
  TargetOptions options;
  options.tls.ca = "ca.pem";
  ASSERT_EQ(table.add("shared", "mqtts://broker.test", options), "");
  options.tls.is_cert_of_session = true;
  ASSERT_EQ(table.add("own", "mqtts://broker.test", options), "");
  table.set_session_certificate([](const Target&, std::uint64_t session, TlsOptions& own) {
    own.cert = own.key = "device-" + std::to_string(session) + ".pem";
    return session != 8;
  });
  TlsOptions own;
  EXPECT_EQ(table.tls(*table.find("shared"), 7, own), &table.find("shared")->options().tls);
  ASSERT_EQ(table.tls(*table.find("own"), 7, own), &own);
  EXPECT_EQ(own.cert, "device-7.pem");
  EXPECT_EQ(own.ca, "ca.pem");
  EXPECT_EQ(table.tls(*table.find("own"), 8, own), nullptr);
}

TEST(Address, KnowsWhatIsForbidden) {
  for (const char* ip : {"169.254.169.254", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1",
                         "fd00:ec2::254", "::ffff:224.0.0.1"})
    EXPECT_TRUE(Address::parse(ip)->is_forbidden()) << ip;
  for (const char* ip : {"127.0.0.1", "10.0.0.1", "8.8.8.8", "169.254.1.1", "::1", "fe80::1", "2001:db8::1"})
    EXPECT_FALSE(Address::parse(ip)->is_forbidden()) << ip;
}

TEST(Address, PrintsWhatItParsed) {
  EXPECT_EQ(Address::parse("127.0.0.1", 80)->text(), "127.0.0.1:80");
  EXPECT_EQ(Address::parse("::1", 80)->text(), "[::1]:80");
  EXPECT_FALSE(Address::parse("127.0.0.1:80"));
  EXPECT_FALSE(Address::parse("localhost"));
  EXPECT_FALSE(Address::parse(""));
}

}  // namespace
}  // namespace squall
