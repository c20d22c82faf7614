// See request.hpp.
#include "request.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "encoding.hpp"
#include "operations.hpp"
#include "page.hpp"
#include "url.hpp"

namespace squall::http {
namespace {

using plugin::append_text;
using plugin::as_int;
using plugin::as_list;
using plugin::as_map;
using plugin::as_source;
using plugin::as_text;
using plugin::find;
using plugin::invalid;
using plugin::view;

constexpr std::string_view kBoundary = "squall-7f3a9c51e2d84b06b8c1d05f";
constexpr const char* kNoTunnel = "CONNECT asks for a tunnel, which is no request that has an answer";
constexpr const char* kJsonType = "application/json";
constexpr const char* kFormType = "application/x-www-form-urlencoded";
constexpr const char* kMultipartType =
    "multipart/form-data; boundary=squall-7f3a9c51e2d84b06b8c1d05f";

/// Fields that are sent by default and left out when the user gives them.
enum DefaultField : uint32_t {
  kHost = 1,
  kUserAgent = 2,
  kAccept = 4,
  kContentType = 8,
  kAcceptEncoding = 16,
  kAuthorization = 32,
  kConnectionField = 64,
  kCookie = 128,
  kFraming = 256
};
uint32_t default_field(std::string_view name) {
  struct Row {
    std::string_view name;
    uint32_t bit;
  };
  static constexpr Row kRows[] = {{"host", kHost},
                                  {"user-agent", kUserAgent},
                                  {"accept", kAccept},
                                  {"content-type", kContentType},
                                  {"accept-encoding", kAcceptEncoding},
                                  {"authorization", kAuthorization},
                                  {"connection", kConnectionField},
                                  {"cookie", kCookie},
                                  {"content-length", kFraming},
                                  {"transfer-encoding", kFraming}};
  for (const Row& row : kRows)
    if (equals_ignoring_case(name, row.name)) return row.bit;
  return 0;
}

void append_number(std::string& out, uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

/// Fields of a query or form; a list gives its key several times, an empty value is left out.
void append_fields(std::string& out, std::span<const sq_pair> fields, bool is_form,
                   char separator) {
  std::string text;
  for (const sq_pair& field : fields) {
    const bool is_list = field.value.type == SQ_T_LIST;
    for (const sq_value& value : is_list ? as_list(field.value) : std::span(&field.value, 1)) {
      text.clear();
      append_text(text, value);
      if (text.empty()) continue;
      if (separator) out += separator;
      separator = '&';
      append_component(out, view(field.key), is_form);
      out += '=';
      append_component(out, text, is_form);
    }
  }
}

}  // namespace

Instance::Instance(std::span<const sq_pair> options) {
  if (const sq_value* value = find(options, "header_limit")) {
    const int64_t bytes = as_int(*value, header_limit);
    if (bytes < 1024 || bytes > 16 << 20)
      throw invalid("header_limit must lie between 1 KiB and 16 MiB");
    header_limit = static_cast<uint32_t>(bytes);
  }
  if (const sq_value* value = find(options, "decode_limit")) {
    const int64_t bytes = as_int(*value, static_cast<int64_t>(decode_limit));
    if (bytes < 1) throw invalid("decode_limit must be at least 1 byte");
    decode_limit = static_cast<uint64_t>(bytes);
  }
  if (const sq_value* value = find(options, "connections")) connections = connections_of(*value);
}

uint32_t connections_of(const sq_value& value) {
  const int64_t count = as_int(value, kConnectionsDefault);
  if (count < 1 || count > 64) throw invalid("connections must lie between 1 and 64");
  return static_cast<uint32_t>(count);
}

// ---- Body
// ----------------------------------------------------------------------------------------

void Body::clear() {
  for (int fd : files) ::close(fd);
  files.clear();
  parts.clear();
  text.clear();
  size = 0;
  is_given = false;
  type = nullptr;
}
void Body::add_text(uint64_t from) {
  parts.push_back({BodyPart::Kind::kText, from, text.size() - from});
  size += text.size() - from;
}
void Body::add_view(sq_str bytes) {
  parts.push_back({BodyPart::Kind::kView, 0, bytes.len, bytes});
  size += bytes.len;
}
void Body::add_file(int fd, uint64_t length) {
  parts.push_back({BodyPart::Kind::kFile, 0, length, {}, fd});
  size += length;
}
void Body::add_source(sq_source* source) {
  const uint64_t length = plugin::host.source->size(source);
  parts.push_back({BodyPart::Kind::kSource, 0, length, {}, -1, source});
  size = length == UINT64_MAX || size == UINT64_MAX ? UINT64_MAX : size + length;
}
std::string_view Body::view(const BodyPart& part) const {
  if (part.kind == BodyPart::Kind::kView) return plugin::view(part.bytes);
  return std::string_view(text).substr(part.offset, part.length);
}

// ---- Prepared
// ------------------------------------------------------------------------------------

Prepared::Prepared(const Instance& owner, uint32_t op, std::span<const sq_binding> bindings,
                   const sq_wants& wants)
    : Prepared(owner, op, bindings, wants, Use::kCall) {}

std::unique_ptr<const Prepared> Prepared::for_assets(const Instance& owner,
                                                     std::span<const sq_binding> bindings) {
  const sq_wants nothing{sizeof nothing, 0, 0, 0};
  return std::unique_ptr<const Prepared>(
      new Prepared(owner, kPage, bindings, nothing, Use::kAsset));
}

Prepared::Prepared(const Instance& owner, uint32_t op, std::span<const sq_binding> bindings,
                   const sq_wants& wants, Use use)
    : instance(owner), operation(op), number(owner.operations.fetch_add(1)), args(*kOperations[op], bindings) {
  if (!args.to().given) throw invalid("parameter to is missing");
  int bodies = 0;
  if (takes_body())
    for (uint32_t param : {kJson, kForm, kMultipart, kBody, kPayload}) {
      bodies += args[param].given;
      if (!args[param].is_static()) body_is_static_ = false;
    }
  if (bodies > 1) throw invalid("give only one of json, form, multipart, body, payload");
  if (takes_body() && args[kPayload].given) {
    if (!plugin::host.source)
      throw plugin::Refusal(SQ_E_UNSUPPORTED, "the host has no squall.source/1");
    body_is_static_ = false;  // a source is read anew by each call
  }

  redirects = static_cast<uint32_t>(as_int(args[kRedirects].value, 10));
  if (redirects > 10) throw invalid("redirects must lie between 0 and 10");
  const std::string_view decode = as_text(args[kDecode].value, "auto");
  if (decode != "auto" && decode != "gzip" && decode != "none")
    throw invalid("decode must be auto, gzip or none");
  const std::string_view connection = as_text(args[kConnection].value, "keep");
  if (connection != "keep" && connection != "new" && connection != "close")
    throw invalid("connection must be keep, new or close");
  fresh_connection = connection != "keep";
  closes_connection = connection == "close";

  sends_as_is = plugin::as_bool(args[kAsIs].value, false);
  if (sends_as_is && args[kQuery].given) throw invalid("as_is sends the path alone, so query cannot be given");

  keeps_headers = wants.outputs >> kOutHeader & 1;
  keeps_body = wants.outputs >> kOutBody & 1;
  wants_url = wants.outputs >> kOutUrl & 1;
  keep_bytes = keeps_body ? wants.keep_bytes : 0;
  if (op == kPage && use == Use::kCall) {
    page = std::make_unique<const PagePlan>(*this, bindings);
    keeps_headers = true;  // its type says whether to look into it
    if (!page->is_listed) {
      keeps_body = true;
      keep_bytes = instance.decode_limit;
    }
  }
  decodes = keeps_body && decode != "none";
  // An asset's head is that of another file than the last one's.
  learns_heads = !keeps_headers && use == Use::kCall;

  static_method_ = method_of(op);
  if (op == kRequest && args[kMethod].is_static()) static_method_ = as_text(args[kMethod].value);
  if ((op != kRequest || args[kMethod].is_static()) && !is_token(static_method_))
    throw invalid("method '" + static_method_ + "' is no HTTP method");
  if (static_method_ == "CONNECT") throw invalid(kNoTunnel);

  const char* problem = nullptr;
  if (body_is_static_) render_body(static_body_, nullptr, &problem);
  if (problem) throw invalid(problem);
  if (!args.all_static() || !body_is_static_) return;
  Hop hop;
  hop.target = args.target(nullptr);
  if (!hop.target) throw invalid("parameter to is no target");
  hop.info = plugin::host.target->info(hop.target);
  hop.method = static_method_;
  problem = append_head(static_head_, nullptr, hop, static_body_);
  if (problem) throw invalid(problem);
  static_request_ = static_head_ + "\r\n";
  for (const BodyPart& part : static_body_.parts) {
    if (part.kind == BodyPart::Kind::kFile) {
      static_request_.clear();
      break;
    }
    static_request_ += static_body_.view(part);
  }
}

Prepared::~Prepared() = default;

bool Prepared::user_sends_cookie(const sq_value* values) const {
  for (const sq_pair& field : as_map(args[kHeaders].of(values)))
    if (default_field(view(field.key)) == kCookie) return true;
  return false;
}

std::string_view Prepared::method(const sq_value* values) const {
  return static_method_.empty() ? as_text(args[kMethod].of(values))
                                : std::string_view(static_method_);
}

const Body& Prepared::body(const sq_value* values, Body& scratch, const char** problem) const {
  if (body_is_static_) return static_body_;
  scratch.clear();
  render_body(scratch, values, problem);
  return scratch;
}

void Prepared::append_target(std::string& out, const sq_value* values,
                             const sq_target_info& info) const {
  if (sends_as_is) {
    out += as_text(args[kPath].of(values));
    return;
  }
  std::string_view base = view(info.path);
  base = base.substr(0, base.find_first_of("?#"));
  if (base.ends_with('/')) base.remove_suffix(1);
  const std::string_view path = as_text(args[kPath].of(values), "/");
  const size_t begin = out.size();
  append_path(out, base);
  if (!path.starts_with('/')) out += '/';
  append_path(out, path);
  const bool has_query = std::string_view(out).substr(begin).find('?') != std::string_view::npos;
  append_fields(out, as_map(args[kQuery].of(values)), false, has_query ? '&' : '?');
}

const char* Prepared::append_head(std::string& out, const sq_value* values, const Hop& hop,
                                  const Body& body) const {
  if (!is_token(hop.method)) return "method is no HTTP method";
  if (hop.method == "CONNECT") return kNoTunnel;
  if (sends_as_is && hop.is_first && !is_request_target(as_text(args[kPath].of(values))))
    return "path is empty or holds a blank or control character, and cannot go out as it is";
  out += hop.method;
  out += ' ';
  if (hop.is_first)
    append_target(out, values, *hop.info);
  else
    append_path(out, hop.path);
  out += " HTTP/1.1\r\n";

  uint32_t given = 0;
  const auto fields = as_map(args[kHeaders].of(values));
  for (const sq_pair& field : fields) given |= default_field(view(field.key));
  if (given & kFraming) return "content-length and transfer-encoding are squall's to send";
  // A redirect to another target has a host of its own.
  const bool own_host = (given & kHost) && hop.sends_credentials;
  if (!own_host) {
    out += "Host: ";
    append_authority(out, *hop.info);
    out += "\r\n";
  }
  for (const sq_pair& field : fields) {
    const std::string_view name = view(field.key);
    const uint32_t bit = default_field(name);
    if ((bit & (kAuthorization | kCookie | kHost)) && !hop.sends_credentials) continue;
    if ((bit & kContentType) && !hop.sends_body) continue;
    if (!is_token(name)) return "a header's name holds a character that may not stand there";
    const size_t begin = out.size();
    out += name;
    out += ": ";
    const size_t value_begin = out.size();
    append_text(out, field.value);
    const auto value = std::string_view(out).substr(value_begin);
    if (!is_field_value(value)) return "a header's value holds a control character";
    if (value.empty()) {  // an empty header is left out
      out.resize(begin);
      continue;
    }
    out += "\r\n";
  }
  if (!(given & kUserAgent)) out += "User-Agent: squall/" SQUALL_VERSION "\r\n";
  if (!(given & kAccept)) out += "Accept: */*\r\n";
  if (!(given & kAcceptEncoding) && as_text(args[kDecode].value) == "gzip")
    out += "Accept-Encoding: gzip, deflate\r\n";
  if (!(given & kConnectionField) && closes_connection) out += "Connection: close\r\n";

  const auto auth = as_map(args[kAuth].of(values));
  if (!auth.empty() && !(given & kAuthorization) && hop.sends_credentials) {
    const sq_value* basic = find(auth, "basic");
    const sq_value* bearer = find(auth, "bearer");
    if (!basic == !bearer) return "auth is {basic: user:password} or {bearer: token}";
    out += basic ? "Authorization: Basic " : "Authorization: Bearer ";
    if (basic)
      append_base64(out, as_text(*basic));
    else if (!is_field_value(as_text(*bearer)))
      return "auth's token holds a control character";
    else
      out += as_text(*bearer);
    out += "\r\n";
  }

  if (hop.sends_body && body.is_given) {
    if (body.type && !(given & kContentType)) append_field(out, "Content-Type", body.type);
    if (body.size == UINT64_MAX) {
      out += "Transfer-Encoding: chunked\r\n";
    } else {
      out += "Content-Length: ";
      append_number(out, body.size);
      out += "\r\n";
    }
  } else if (hop.method == "POST" || hop.method == "PUT" || hop.method == "PATCH") {
    out += "Content-Length: 0\r\n";
  }
  return nullptr;
}

/// Those of other operations are not among a page's parameters.
bool Prepared::takes_body() const { return operation != kPage; }

void Prepared::render_body(Body& body, const sq_value* values, const char** problem) const {
  if (!takes_body()) return;
  if (args[kJson].given) {
    body.type = kJsonType;
    body.add_view(plugin::str(as_text(args[kJson].of(values))));
  } else if (args[kBody].given) {
    body.add_view(plugin::str(as_text(args[kBody].of(values))));
  } else if (args[kForm].given) {
    body.type = kFormType;
    append_fields(body.text, as_map(args[kForm].of(values)), true, '\0');
    body.add_text(0);
  } else if (args[kMultipart].given) {
    body.type = kMultipartType;
    render_multipart(body, as_list(args[kMultipart].of(values)), problem);
  } else if (args[kPayload].given) {
    sq_source* source = as_source(args[kPayload].of(values));
    if (!source)
      *problem = "payload is no source";
    else
      body.add_source(source);
  } else {
    return;
  }
  body.is_given = true;
}

void Prepared::render_multipart(Body& body, std::span<const sq_value> parts,
                                const char** problem) const {
  uint64_t begin = 0;  // of the text that is not yet a part
  for (const sq_value& item : parts) {
    const auto part = as_map(item);
    const sq_value* name = find(part, "name");
    const sq_value* value = find(part, "value");
    const sq_value* file = find(part, "file");
    const sq_value* filename = find(part, "filename");
    const sq_value* type = find(part, "type");
    if (!name || !value == !file) {
      *problem = "a multipart part is a map of name, value or file, filename, type";
      return;
    }
    std::string& out = body.text;
    out += "--";
    out += kBoundary;
    out += "\r\nContent-Disposition: form-data; name=\"";
    append_quoted(out, as_text(*name));
    if (file || filename) {
      out += "\"; filename=\"";
      std::string_view shown = as_text(filename ? *filename : *file);
      if (!filename) shown.remove_prefix(shown.rfind('/') + 1);
      append_quoted(out, shown);
    }
    out += "\"\r\n";
    if (type || file) {
      const std::string_view text = type ? as_text(*type) : "application/octet-stream";
      if (!is_field_value(text)) {
        *problem = "a multipart part's type holds a control character";
        return;
      }
      append_field(out, "Content-Type", text);
    }
    out += "\r\n";
    if (sq_source* source = value ? as_source(*value) : nullptr) {
      body.add_text(begin);
      body.add_source(source);
      begin = out.size();
    } else if (value) {
      append_text(out, *value);
    } else {
      const std::string path(as_text(*file));
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      struct stat status {};
      if (fd >= 0) body.files.push_back(fd);
      if (fd < 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        *problem = "a multipart part's file cannot be read";
        return;
      }
      body.add_text(begin);
      body.add_file(fd, static_cast<uint64_t>(status.st_size));
      begin = out.size();
    }
    out += "\r\n";
  }
  body.text += "--";
  body.text += kBoundary;
  body.text += "--\r\n";
  body.add_text(begin);
}

}  // namespace squall::http
