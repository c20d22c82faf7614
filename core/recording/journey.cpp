#include "recording/journey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "payload/template.hpp"
#include "recording/ascii.hpp"
#include "recording/recorded_body.hpp"
#include "recording/recorded_headers.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kShortestThink_us = 500'000;  // below it, it was the browser that took its time
constexpr std::size_t kLongestName = 80;

std::string as_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (is_plain) name += c;
    else if (!name.empty() && name.back() != '_') name += '_';
  }
  while (name.ends_with('_')) name.pop_back();
  return name.empty() || (name[0] >= '0' && name[0] <= '9') ? "host_" + name : name;
}

/// shop of www.shop.example; where that is taken api_shop_example, and where that is, with the port or a number.
std::string target_name(const RecordedUrl& url, const std::vector<JourneyTarget>& taken) {
  std::string_view host = url.host;
  if (host.starts_with("www.") && host.find('.', 4) != host.npos) host.remove_prefix(4);
  const bool is_address = host.find(':') != host.npos || host.find_first_not_of("0123456789.") == host.npos;
  const std::string whole = as_name(host);
  const std::string candidates[] = {is_address ? whole : as_name(host.substr(0, host.find('.'))), whole, as_name(url.origin.substr(url.origin.find(':')))};
  const auto is_free = [&](const std::string& name) { return std::ranges::find(taken, name, &JourneyTarget::name) == taken.end(); };
  for (const std::string& name : candidates)
    if (is_free(name)) return name;
  for (int number = 2;; ++number)
    if (std::string name = fmt::format("{}_{}", whole, number); is_free(name)) return name;
}

/// Names of series: the same for the same method and path, another for every other.
class StepNames {
 public:
  const std::string& name(const std::string& method, std::string_view path) {
    const auto [found, is_new] = names_.try_emplace(fmt::format("{} {}", method, path));
    if (is_new) found->second = unique(found->first);
    return found->second;
  }

 private:
  std::string unique(std::string name) {
    if (name.size() > kLongestName) {
      std::size_t end = kLongestName;
      while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;  // not within a letter
      name = name.substr(0, end) + "…";
    }
    std::string result = name;
    for (int number = 2; !used_.insert(result).second; ++number) result = fmt::format("{} ({})", name, number);
    return result;
  }
  std::map<std::string, std::string, std::less<>> names_;
  std::set<std::string> used_;
};

/// Names of files beside the scenario; bytes that came before keep their file.
class PayloadFiles {
 public:
  PayloadFiles(std::string folder, std::vector<PayloadFile>& files) : folder_(std::move(folder)), files_(files) {}

  const std::string& add(const HarEntry& entry, const RecordedUrl& url, BodyFile file) {
    std::string_view path = url.path();
    while (path.ends_with('/')) path.remove_suffix(1);
    path = path.substr(std::min(path.rfind('/') + 1, path.size())).substr(0, 40);
    const std::string base = as_name(lower(fmt::format("{}_{}", entry.method, path)));
    for (int number = 1;; ++number) {
      const std::string name = fmt::format("{}/{}{}{}", folder_, base, number == 1 ? "" : fmt::format("_{}", number), file.ending);
      const auto same = std::ranges::find(files_, name, &PayloadFile::path);
      if (same == files_.end()) return files_.emplace_back(name, std::move(file.bytes)).path;
      if (same->bytes == file.bytes) return same->path;
    }
  }

 private:
  std::string folder_;
  std::vector<PayloadFile>& files_;
};

/// What squall's http plugin sends percent-encoded, as no address may hold it, though browsers send it in queries.
bool is_sent_encoded(std::string_view target) {
  return std::ranges::any_of(target, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos; });
}

std::string operation_of(const std::string& method) {
  constexpr std::array<std::pair<std::string_view, const char*>, 6> kOwn{
      {{"GET", "http.get"}, {"POST", "http.post"}, {"PUT", "http.put"}, {"PATCH", "http.patch"}, {"DELETE", "http.delete"}, {"HEAD", "http.head"}}};
  for (const auto& [name, operation] : kOwn)
    if (method == name) return operation;
  return "http.request";
}

/// A page's title; Chrome gives its address, whose query may hold anything.
std::string shown_title(const HarPage& page) {
  std::string title = page.title.empty() ? page.id : page.title;
  if (title.find("://") != title.npos) title.resize(std::min(title.find_first_of("?#"), title.size()));
  return title;
}

class Maker {
 public:
  Maker(const Har& har, const JourneyOptions& options)
      : har_(har), selection_(select_requests(har, options)), files_(options.payload_folder, journey_.files) {
    journey_.recorder = har.recorder;
    journey_.source = options.source;
    journey_.recorded = har.entries.size();
  }

  Journey make() {
    name_targets();
    std::set<std::string> pages;
    std::string page;
    std::size_t seen = 0;        // of the activity
    std::int64_t busy_until = 0;
    std::size_t encoded = 0, lost = 0;
    for (const SelectedEntry& request : selection_.requests) {
      const HarEntry& entry = *request.entry;
      for (; selection_.activity[seen] != &entry; ++seen) busy_until = std::max(busy_until, end_of(*selection_.activity[seen]));
      JourneyStep step = make_step(request);
      const std::int64_t think = entry.started_us - busy_until;
      if (!journey_.steps.empty() && think >= kShortestThink_us) step.think_us = think;
      if (!entry.page.empty() && entry.page != page) {
        const auto found = std::ranges::find(har_.pages, entry.page, &HarPage::id);
        page = entry.page;
        if (found != har_.pages.end()) step.page = shown_title(*found);
        pages.insert(page);
      }
      encoded += is_sent_encoded(request.url.target);
      lost += entry.lost_body;
      journey_.steps.push_back(std::move(step));
    }
    journey_.pages = pages.size();
    journey_.left_out = selection_.left_out;
    journey_.secrets = secrets_.secrets();
    if (!selection_.requests.empty()) {
      std::int64_t last = 0;
      for (const SelectedEntry& request : selection_.requests) last = std::max(last, end_of(*request.entry));
      journey_.length_us = last - selection_.requests.front().entry->started_us;
    }
    warn(encoded, "holds characters that squall sends percent-encoded", "hold characters that squall sends percent-encoded");
    warn(lost, "had a body that the recording does not hold", "had bodies that the recording does not hold");
    warn(unusable_headers_, "has a header that cannot be sent", "have headers that cannot be sent");
    look_for_leaks();
    return std::move(journey_);
  }

 private:
  static std::int64_t end_of(const HarEntry& entry) { return entry.started_us + entry.took_us; }

  void warn(std::size_t count, const char* one, const char* many) {
    if (count > 0) journey_.warnings.push_back(count == 1 ? fmt::format("1 request {}", one) : fmt::format("{} requests {}", count, many));
  }

  void name_targets() {
    for (const SelectedEntry& request : selection_.requests) {
      if (std::ranges::find(journey_.targets, request.url.origin, &JourneyTarget::origin) != journey_.targets.end()) continue;
      journey_.targets.push_back({target_name(request.url, journey_.targets), request.url.origin});
      origins_.emplace_back(request.url.origin, "${" + journey_.targets.back().var() + "}");
    }
  }

  JourneyStep make_step(const SelectedEntry& request) {
    const HarEntry& entry = *request.entry;
    JourneyStep step;
    const std::string path(request.url.path());
    const std::string& name = names_.name(entry.method, path);
    const std::string& target = std::ranges::find(journey_.targets, request.url.origin, &JourneyTarget::origin)->name;

    step.operation = operation_of(entry.method);
    Json& parameters = step.parameters = Json::object();
    if (step.operation == "http.request") parameters["method"] = entry.method;
    if (journey_.targets.size() > 1) parameters["to"] = target;
    std::string address = as_template(path);
    if (request.url.target.size() > path.size()) address += "?" + fields_template(request.url.query(), false, name, secrets_);
    parameters["path"] = address;

    RecordedHeaders headers = recorded_headers(entry, target, name, origins_, secrets_);
    unusable_headers_ += headers.unusable > 0;
    Json body = Json::object();
    if (entry.body) add_body(request, headers, name, body, step.note);
    if (entry.lost_body) step.note = "the recording does not hold its body";
    if (!headers.fields.empty()) parameters["headers"] = std::move(headers.fields);
    if (!headers.auth.is_null()) parameters["auth"] = std::move(headers.auth);
    parameters.update(body);
    const bool is_redirect = entry.status >= 300 && entry.status < 400 && entry.status != 304;
    if (is_redirect) parameters["redirects"] = 0;  // where it leads to was recorded, too
    // Else the step has this name by itself.
    const std::string own_name = fmt::format("{} {}", entry.method, address);
    if (name != own_name) parameters["name"] = as_template(name);
    // A visitor without the recorded browser's cache gets the whole.
    step.status = entry.status == 304 ? Json::array({200, 304}) : Json(entry.status);
    return step;
  }

  void add_body(const SelectedEntry& request, RecordedHeaders& headers, const std::string& name, Json& parameters, std::string& note) {
    const HarBody& recorded = *request.entry->body;
    const bool is_said = !headers.content_type.empty();
    const std::string type = is_said ? headers.content_type : recorded.type;
    RecordedBody body = recorded_body(recorded, type, name, secrets_);
    note = body.note;
    if (lower(type) == body.implied_type) forget_content_type(headers.fields);
    else if (!is_said && !type.empty()) headers.fields["Content-Type"] = as_template(type);
    if (body.file) {
      const bool is_template = body.file->is_template;
      parameters["payload"] = {{is_template ? "template" : "file", files_.add(*request.entry, request.url, std::move(*body.file))}};
    } else {
      parameters[body.parameter] = std::move(body.value);
    }
  }

  static void forget_content_type(Json& fields) {
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      if (lower(field.key()) != "content-type") continue;
      fields.erase(field);
      return;
    }
  }

  /// A value that is a secret in one place may stand in another under a name that nobody would think of.
  void look_for_leaks() {
    std::set<std::string> found;
    const auto look = [&](std::string_view text) {
      for (std::string& name : secrets_.found_in(text)) found.insert(std::move(name));
    };
    for (const JourneyStep& step : journey_.steps) look(step.parameters.dump() + step.page);
    for (const PayloadFile& file : journey_.files) look(file.bytes);
    for (const std::string& name : found)
      journey_.warnings.push_back(fmt::format("the value of secret {} stands in another place, too: look for it before you share the scenario", name));
  }

  const Har& har_;
  Selection selection_;
  Journey journey_;
  PayloadFiles files_;
  StepNames names_;
  SecretBook secrets_;
  std::vector<std::pair<std::string, std::string>> origins_;
  std::size_t unusable_headers_ = 0;
};

}  // namespace

Journey make_journey(const Har& har, const JourneyOptions& options) { return Maker(har, options).make(); }

}  // namespace squall
