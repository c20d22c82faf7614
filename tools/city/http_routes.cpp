#include "http_routes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/beast/http/status.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>

#include "worker.hpp"

namespace squall::city {
namespace {

using Json = nlohmann::json;
using namespace std::string_view_literals;

constexpr std::string_view kPage =
    "<!doctype html>\n<html lang=\"en\">\n<head><meta "
    "charset=\"utf-8\"><title>City</title></head>\n"
    "<body>\n<h1>City</h1>\n<p>Lamps, meters, buses and their numbers.</p>\n"
    "<ul><li><a href=\"/page/lamps\">Lamps</a></li><li><a "
    "href=\"/page/parking\">Parking</a></li></ul>\n"
    "</body>\n</html>\n"sv;

constexpr std::string_view kHtml = "text/html; charset=utf-8"sv;
constexpr std::string_view kJson = "application/json"sv;

/// The citizen API's answer: JSON of exactly 4,000 bytes.
const std::string& api_text() {
  static const std::string text = [] {
    Json stops = Json::array();
    for (int i = 0; i < 30; ++i) {
      stops.push_back(
          {{"id", fmt::format("stop-{:04d}", i)}, {"line", i % 9 + 1}, {"due_s", 60 * i}});
    }
    Json all = {{"stops", stops}, {"note", ""}};
    all["note"] = std::string(4000 - all.dump().size(), 'x');
    return all.dump();
  }();
  return text;
}

void refuse(Answer& answer, unsigned status, std::string_view why) {
  answer.status = status;
  answer.content_type = kJson;
  answer.own_text = Json{{"error", why}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void reply_json(Answer& answer, unsigned status, const Json& content) {
  answer.status = status;
  answer.content_type = kJson;
  answer.own_text = content.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::uint64_t> number_or_refuse(Visit& visit, Answer& answer, std::uint64_t max) {
  const auto number = to_number(visit.rest);
  if (number && *number <= max) return number;
  refuse(answer, 400, fmt::format("the path needs a number from 0 to {}", max));
  return std::nullopt;
}

std::optional<std::int64_t> milliseconds_or_refuse(Visit& visit, Answer& answer) {
  double ms = -1;
  const auto [end, error] =
      std::from_chars(visit.rest.data(), visit.rest.data() + visit.rest.size(), ms);
  if (error == std::errc{} && end == visit.rest.data() + visit.rest.size() && ms >= 0 &&
      ms <= 3.6e6) {
    return static_cast<std::int64_t>(ms * 1e6);
  }
  refuse(answer, 400, "the path needs milliseconds from 0 to 3600000");
  return std::nullopt;
}

/// Takes the first segment off a path that begins with a slash.
std::string_view take_segment(std::string_view& path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

void page(Visit&, Answer& answer) {
  answer.content_type = kHtml;
  answer.text = kPage;
}

void numbered(Visit& visit, Answer& answer) {
  page(visit, answer);
  answer.fields = fmt::format("X-Number: {}\r\n", ++visit.shared.numbered);
}

void bytes(Visit& visit, Answer& answer) {
  const auto size = number_or_refuse(visit, answer, std::uint64_t{1} << 50);
  if (!size) return;
  answer.content_type = "application/octet-stream";
  answer.body = Answer::Body::kFiller;
  answer.filler_size = *size;
}

void chunked(Visit& visit, Answer& answer) {
  const auto size = number_or_refuse(visit, answer, std::uint64_t{1} << 50);
  if (!size) return;
  const auto chunk = to_number(query_value(visit.head.query(), "chunk"));
  if (chunk && *chunk >= 1 && *chunk <= Filler::kBlockSize) answer.chunk_size = *chunk;
  answer.content_type = "application/octet-stream";
  answer.body = Answer::Body::kChunked;
  answer.filler_size = *size;
}

void gzip(Visit& visit, Answer& answer) {
  const auto size = number_or_refuse(visit, answer, GzipFiller::kMaxSize);
  if (!size) return;
  answer.fields = "Content-Encoding: gzip\r\n";
  answer.text = visit.gzip.body(*size);
}

void delay(Visit& visit, Answer& answer) {
  const auto wait = milliseconds_or_refuse(visit, answer);
  if (!wait) return;
  answer.delay_ns = *wait;
  answer.text = "late\n";
}

void slow_body(Visit& visit, Answer& answer) {
  const auto pause = milliseconds_or_refuse(visit, answer);
  if (!pause) return;
  answer.body = Answer::Body::kHalves;
  answer.filler_size = 1000;
  answer.half_pause_ns = *pause;
}

void status(Visit& visit, Answer& answer) {
  const auto code = to_number(visit.rest);
  if (!code || *code < 200 || *code > 599)
    return refuse(answer, 400, "the path needs a status from 200 to 599");
  answer.status = static_cast<unsigned>(*code);
  answer.own_text = fmt::format("status {}\n", *code);
}

void error_every(Visit& visit, Answer& answer) {
  const auto every = to_number(visit.rest);
  if (!every || *every < 1 || *every > HttpShared::kMaxErrorEvery) {
    return refuse(answer, 400,
                  fmt::format("the path needs a number from 1 to {}", HttpShared::kMaxErrorEvery));
  }
  const auto seen = ++visit.shared.error_every[*every];
  if (seen % *every == 0) return refuse(answer, 500, "this one fails");
  answer.text = "good\n";
}

void redirect(Visit& visit, Answer& answer) {
  const auto hops = number_or_refuse(visit, answer, 1000);
  if (!hops) return;
  if (*hops == 0) {
    answer.text = "arrived\n";
    return;
  }
  answer.status = 302;
  answer.fields = fmt::format("Location: {}/redirect/{}\r\n", visit.class_prefix, *hops - 1);
}

void redirect_to(Visit& visit, Answer& answer) {
  const auto url = url_decode(query_value(visit.head.query(), "url"));
  const auto code = to_number(query_value(visit.head.query(), "status")).value_or(302);
  const bool is_printable =
      std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (url.empty() || !is_printable || code < 300 || code > 399) {
    return refuse(answer, 400, "the query needs url=, and status= from 300 to 399 if given");
  }
  answer.status = static_cast<unsigned>(code);
  answer.fields = fmt::format("Location: {}\r\n", url);
}

void echo(Visit& visit, Answer& answer) {
  // The type comes from the client's header, so it has no line break in it.
  if (!visit.head.content_type.empty()) answer.content_type = visit.head.content_type;
  answer.text = visit.body;
}

void upload(Visit& visit, Answer& answer) {
  answer.content_type = kJson;
  answer.own_text = visit.has_checksum ? fmt::format(R"({{"bytes":{},"xxh64":"{:016x}"}})",
                                                     visit.body_bytes, visit.body_xxh64)
                                       : fmt::format(R"({{"bytes":{}}})", visit.body_bytes);
}

void snapshots(Visit& visit, Answer& answer) {
  upload(visit, answer);
  answer.status = 201;
}

std::string_view token_of(const RequestHead& head) {
  constexpr auto kBearer = "Bearer "sv;
  const std::string_view authorization = head.authorization;
  if (authorization.starts_with(kBearer)) return authorization.substr(kBearer.size());
  return cookie_value(head.cookie, "session");
}

void login(Visit& visit, Answer& answer) {
  std::string user, password;
  if (visit.head.content_type.starts_with("application/json")) {
    const auto form = Json::parse(visit.body, nullptr, false);
    if (!form.is_object()) return refuse(answer, 400, "the body is not a JSON object");
    user = form.contains("user") && form["user"].is_string() ? form["user"].get<std::string>() : "";
    password = form.contains("password") && form["password"].is_string()
                   ? form["password"].get<std::string>()
                   : "";
  } else {
    user = url_decode(query_value(visit.body, "user"));
    password = url_decode(query_value(visit.body, "password"));
  }
  const auto token = visit.shared.logins.log_in(user, password);
  if (!token) return refuse(answer, 401, "wrong user or password");
  ++visit.happened.logins;
  answer.fields = fmt::format("Set-Cookie: session={}; Path=/; HttpOnly\r\n", *token);
  reply_json(answer, 200, {{"token", *token}, {"user", user}});
}

void logout(Visit& visit, Answer& answer) {
  if (!visit.shared.logins.log_out(token_of(visit.head)))
    return refuse(answer, 401, "not logged in");
  ++visit.happened.logouts;
  answer.fields = "Set-Cookie: session=; Path=/; Max-Age=0\r\n";
  reply_json(answer, 200, {{"logged_out", true}});
}

void me(Visit& visit, Answer& answer) {
  const auto user = visit.shared.logins.user_of(token_of(visit.head));
  if (!user) return refuse(answer, 401, "not logged in");
  reply_json(answer, 200, {{"user", *user}});
}

void basic(Visit& visit, Answer& answer) {
  if (visit.head.authorization == "Basic Y2l0eTpjaXR5") {  // city:city
    answer.text = "welcome\n";
    return;
  }
  refuse(answer, 401, "basic authentication as city:city is needed");
  answer.fields = "WWW-Authenticate: Basic realm=\"city\"\r\n";
}

/// How many objects a JSON body holds: an array's length, 1 for an object. Nothing when it is
/// neither.
std::optional<std::uint64_t> count_objects(Visit& visit, Answer& answer) {
  const auto content = Json::parse(visit.body, nullptr, false);
  if (content.is_array()) return content.size();
  if (content.is_object()) return 1;
  refuse(answer, 400, "the body is neither a JSON object nor an array");
  return std::nullopt;
}

void ngsi_ld(Visit& visit, Answer& answer) {
  const bool is_upsert = visit.rest == "v1/entityOperations/upsert";
  if (!is_upsert && visit.rest != "v1/entities") return refuse(answer, 404, "no such operation");
  const auto count = count_objects(visit, answer);
  if (!count) return;
  visit.happened.entities += *count;
  answer.status = is_upsert ? 204 : 201;
}

void taps(Visit& visit, Answer& answer) {
  const auto count = count_objects(visit, answer);
  if (!count) return;
  visit.happened.taps += *count;
  answer.status = 201;
  answer.content_type = kJson;
  answer.text = R"({"accepted":true})";
}

void api(Visit& visit, Answer& answer) {
  answer.content_type = kJson;
  if (method_bit(visit.head.method) == Route::kRead) {
    answer.text = api_text();
  } else {
    answer.status = 201;
    answer.text = R"({"accepted":true})";
  }
}

void memory(Visit&, Answer& answer) {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages_all = 0, pages_resident = 0;
  statm >> pages_all >> pages_resident;
  reply_json(
      answer, 200,
      {{"mem_mb", pages_resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1e6}});
}

/// A page of the content system: /s/SITE/PATH.
void site_page(Visit& visit, Answer& answer) {
  std::string_view path = visit.rest;
  const auto site = take_segment(path);
  if (path.starts_with('/')) path.remove_prefix(1);
  if (site.empty() || path.empty()) return refuse(answer, 404, "the path needs a site and a page");
  const auto page = visit.shared.cms.page(site, path, monotonic_ns());
  if (!page.is_there) return refuse(answer, 404, "no such page");
  answer.content_type = kHtml;
  answer.fields = fmt::format("ETag: \"{}\"\r\n", page.revision);
  answer.own_text = fmt::format("<!doctype html>\n<!-- rev:{} -->\n<body>", page.revision);
  answer.own_text.resize(std::max(page.bytes, answer.own_text.size()), 'x');
}

/// POST /cms/jobs begins one and answers its id; POST /cms/jobs/ID/end ends it and answers OK or ERR.
void cms(Visit& visit, Answer& answer) {
  std::string_view rest = visit.rest;
  if (take_segment(rest) != "jobs") return refuse(answer, 404, "no such operation");
  if (rest.empty()) {
    const auto field = [&](std::string_view name) { return url_decode(query_value(visit.body, name)); };
    const std::string site = field("site"), record = field("record"), type = field("type");
    if (site.empty() || record.empty() || type.empty()) return refuse(answer, 400, "a job needs site, record and type");
    answer.own_text = visit.shared.cms.begin_job(site, record, type, monotonic_ns());
    answer.status = 201;
    return;
  }
  const auto id = take_segment(rest);
  if (rest != "/end") return refuse(answer, 404, "no such operation");
  auto result = visit.shared.cms.end_job(id, monotonic_ns());
  if (!result) return refuse(answer, 404, "no such job runs");
  answer.own_text = std::move(*result);
}

/// GET /tx/ID: what has become of a message, once it is visible.
void transaction(Visit& visit, Answer& answer) {
  const auto seen = visit.shared.transactions.seen(visit.rest, monotonic_ns());
  if (seen == 0) return refuse(answer, 404, "no such transaction is visible");
  reply_json(answer, 200, {{"id", visit.rest}, {"seen", seen}});
}

/// A page with what it needs to be shown: sheets and scripts that all pages share, pictures of its own.
void site(Visit& visit, Answer& answer) {
  const auto folder = take_segment(visit.rest);
  if (visit.rest.starts_with('/')) visit.rest.remove_prefix(1);
  const auto number = number_or_refuse(visit, answer, 1'000'000);
  if (!number) return;
  if (folder != "page") {
    answer.body = Answer::Body::kFiller;
    answer.filler_size = folder == "js" ? 30'000 : folder == "css" ? 12'000 : 5'000;
    answer.content_type = folder == "js" ? "text/javascript"sv : folder == "css" ? "text/css"sv : "image/png"sv;
    if (folder == "js" || folder == "css" || folder == "img") return;
    answer.body = Answer::Body::kText;
    return refuse(answer, 404, "a site has page, css, js and img");
  }
  answer.content_type = kHtml;
  std::string& html = answer.own_text;
  html = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>City</title>\n";
  for (int i = 1; i <= 2; ++i) html += fmt::format("<link rel=\"stylesheet\" href=\"/site/css/{}\">\n", i);
  for (int i = 1; i <= 2; ++i) html += fmt::format("<script src=\"/site/js/{}\" defer></script>\n", i);
  html += "</head>\n<body>\n";
  for (int i = 0; i < 6; ++i)
    html += fmt::format("<p><img src=\"../img/{}\" alt=\"a lamp\"></p>\n", (*number * 6 + i) % 1'000'001);
  html += "</body>\n</html>\n";
}

void unknown(Visit&, Answer& answer) { refuse(answer, 404, "the city has no such path"); }

constexpr bool kKeeps = true, kPasses = false;

// Looked through from the top, so the common ones come first.
constexpr Route kRoutes[] = {
    {"", kPasses, Route::kAny, page},
    {"page", kPasses, Route::kRead, page},
    {"numbered", kPasses, Route::kRead, numbered},
    {"api", kPasses, Route::kAny, api},
    {"ngsi-ld", kKeeps, Route::kWrite, ngsi_ld},
    {"taps", kKeeps, Route::kWrite, taps},
    {"snapshots", kPasses, Route::kWrite, snapshots},
    {"upload", kPasses, Route::kWrite, upload},
    {"bytes", kPasses, Route::kRead, bytes},
    {"chunked", kPasses, Route::kRead, chunked},
    {"gzip", kPasses, Route::kRead, gzip},
    {"delay", kPasses, Route::kAny, delay},
    {"slow-body", kPasses, Route::kRead, slow_body},
    {"status", kPasses, Route::kAny, status},
    {"error-every", kPasses, Route::kAny, error_every},
    {"redirect", kPasses, Route::kAny, redirect},
    {"redirect-to", kPasses, Route::kAny, redirect_to},
    {"echo", kKeeps, Route::kAny, echo},
    {"login", kKeeps, Route::kWrite, login},
    {"logout", kPasses, Route::kAny, logout},
    {"me", kPasses, Route::kRead, me},
    {"basic", kPasses, Route::kAny, basic},
    {"mem", kPasses, Route::kRead, memory},
    {"s", kPasses, Route::kRead, site_page},
    {"site", kPasses, Route::kRead, site},
    {"cms", kKeeps, Route::kWrite, cms},
    {"tx", kPasses, Route::kRead, transaction},
};
constexpr Route kUnknown = {"?", kPasses, Route::kAny, unknown};

bool is_class(std::string_view segment) {
  return (segment.size() == 2 || segment.size() == 3) && segment[0] >= 'A' && segment[0] <= 'Z' &&
         std::all_of(segment.begin() + 1, segment.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void Answer::clear() {
  status = 200;
  content_type = "text/plain";
  fields.clear();
  text = {};
  own_text.clear();
  body = Body::kText;
  filler_size = 0;
  chunk_size = 16 << 10;
  delay_ns = half_pause_ns = 0;
  close = false;
}

unsigned method_bit(http::verb method) {
  switch (method) {
    case http::verb::get:
    case http::verb::head:
      return Route::kRead;
    case http::verb::post:
    case http::verb::put:
    case http::verb::patch:
    case http::verb::delete_:
      return Route::kWrite;
    default:
      return Route::kOther;
  }
}

Way find_way(const RequestHead& head) {
  Way way{&kUnknown, {}, {}, head.path()};
  const auto whole = way.rest;
  auto segment = take_segment(way.rest);
  if (is_class(segment)) {
    way.class_name = segment;
    way.class_prefix = whole.substr(0, segment.size() + 1);
    segment = take_segment(way.rest);
  }
  for (const auto& route : kRoutes) {
    if (route.name == segment) {
      way.route = &route;
      break;
    }
  }
  if (way.rest.starts_with('/')) way.rest.remove_prefix(1);
  if (way.class_name.empty()) way.class_name = segment.empty() ? "root"sv : segment;
  if (const auto given = query_value(head.query(), "class"); !given.empty()) way.class_name = given;
  if (!head.class_field.empty()) way.class_name = head.class_field;
  return way;
}

}  // namespace squall::city
