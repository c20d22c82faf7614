// See page.hpp.
#include "page.hpp"

#include "encoding.hpp"
#include "operations.hpp"
#include "session.hpp"
#include "url.hpp"

namespace squall::http {

using plugin::as_list;
using plugin::as_text;
using plugin::host;
using plugin::invalid;

namespace {

constexpr size_t kKeptHtml = 16 * 1024;

bool are_one_place(const sq_target* a, const sq_target* b) {
  const sq_target_info &one = *host.target->info(a), &other = *host.target->info(b);
  return plugin::view(one.host) == plugin::view(other.host) && one.port == other.port &&
         (one.flags & SQ_TG_TLS) == (other.flags & SQ_TG_TLS);
}

}  // namespace

PagePlan::PagePlan(const Prepared& page, std::span<const sq_binding> bindings)
    : asset(Prepared::for_assets(page.instance, bindings)),
      connections(connections_of(page.args[kConnections].value)),
      is_listed(page.args[kAssets].given),
      shows_body(page.keeps_body) {
  if (!is_listed && as_text(page.args[kDecode].value) == "none")
    throw invalid("decode: none leaves a page that cannot be looked into; list its assets");
  if (!host.samples) return;
  for (size_t kind = 0; kind < kAssetKinds; ++kind)
    series[kind] =
        host.samples->series(plugin::str("http.asset"), plugin::str(kAssetKindNames[kind]));
}

bool Page::is_good(const Exchange& exchange) {
  return exchange.verdict.outcome == SQ_OUT_OK && exchange.status >= 200 && exchange.status < 300;
}

void Page::begin(Session& session, Exchange& exchange) {
  session_ = &session;
  main_ = &exchange;
  plan_ = exchange.prepared->page.get();
  exchange.page = this;
  last_ns_ = exchange.clock.last_ns;
  if (!look(exchange)) return finish();
  left_out_ = list_->left_out;
  progress_.clear();
  for (const AssetList::Group& group : list_->groups) {
    // Of several targets at one place the page's own is meant: its connection, and its credentials.
    const bool is_here = are_one_place(group.target, exchange.hop.target);
    progress_.push_back({is_here ? exchange.hop.target : group.target});
  }
  pump();
}

/// Finds out what to fetch.  False: the page cannot be read.
bool Page::look(Exchange& exchange) {
  if (plan_->is_listed) {
    list_given(exchange);
    return true;
  }
  std::string_view type = exchange.find_header("content-type");
  type = trim(type.substr(0, type.find(';')));
  std::string& html = exchange.spare().body_text;
  const bool is_html = equals_ignoring_case(type, "text/html") ||
                       equals_ignoring_case(type, "application/xhtml+xml");
  list_ = is_html ? session_->shard.known_assets.of(html, exchange.effective_url())
                  : std::make_shared<AssetList>();
  // Assets take their time, and many users wait for theirs at once: what is large is not kept for
  // the next page.
  if (!plan_->shows_body && html.capacity() > kKeptHtml) std::string().swap(html);
  if (list_->is_nested_deeply) verdict_ = Verdict::failed(SQ_K_LIMIT, "page nested too deeply");
  return !list_->is_nested_deeply;
}

void Page::list_given(const Exchange& exchange) {
  const Prepared& prepared = *exchange.prepared;
  const sq_target_info& site = *host.target->info(prepared.args.target(exchange.args));
  std::string origin;
  append_origin(origin, site);
  std::string_view base = plugin::view(site.path);
  base = base.substr(0, base.find_first_of("?#"));
  if (base.ends_with('/')) base.remove_suffix(1);
  auto list = std::make_shared<AssetList>();
  std::string text, below;
  for (const sq_value& value : as_list(prepared.args[kAssets].of(exchange.args))) {
    text.clear();
    plugin::append_text(text, value);
    if (text.empty()) continue;
    const bool is_address = text.starts_with("//") || text.find("://") < text.find_first_of("/?#");
    if (!is_address) {
      below.assign(base).append(text.starts_with('/') ? "" : "/").append(text);
      text.swap(below);
    }
    std::string url = resolve_reference(origin, "/", text);
    const AssetKind kind = kind_of(url);
    list->add(std::move(url), kind);
  }
  list_ = std::move(list);
}

bool Page::is_excepted(std::string_view url) const {
  std::string text;
  for (const sq_value& value : as_list(main_->prepared->args[kExcept].of(main_->args))) {
    text.clear();
    plugin::append_text(text, value);
    if (!text.empty() && url.find(text) != url.npos) return true;
  }
  return false;
}

void Page::pump() {
  // One that fails at once ends in asset_ended(), which comes back here: the flag makes it a loop.
  if (std::exchange(is_pumping_, true)) {
    pump_again_ = true;
    return;
  }
  do {
    pump_again_ = false;
    for (size_t group = 0; group < progress_.size(); ++group)
      while (state_ == State::kFetching && progress_[group].running < plan_->connections &&
             begin_next(group)) {
      }
  } while (pump_again_ && state_ == State::kFetching);
  is_pumping_ = false;
  if (running_ == 0) finish();
}

bool Page::begin_next(size_t group) {
  const AssetList::Group& from = list_->groups[group];
  Progress& progress = progress_[group];
  while (progress.next < from.assets.size() && is_excepted(from.assets[progress.next].url))
    ++progress.next;
  if (progress.next == from.assets.size()) return false;
  const Asset& asset = from.assets[progress.next++];
  Shard& shard = session_->shard;
  const uint64_t now = shard.now_ns();
  AssetFetch& fetch = take_fetch();
  fetch.group = group;
  fetch.kind = asset.kind;
  fetch.call = {};
  fetch.call.struct_size = sizeof fetch.call;
  fetch.call.due_ns = fetch.call.start_ns = now;
  fetch.call.shard = shard.handle;

  Exchange& exchange = *shard.exchanges.take();
  fetch.exchange = &exchange;
  exchange.asset = &fetch;
  exchange.call = &fetch.call;
  exchange.prepared = plan_->asset.get();
  exchange.args = main_->args;
  exchange.clock.begin(&fetch.call);
  exchange.redirects_left = exchange.prepared->redirects;
  exchange.connections = plan_->connections;
  exchange.hop.target = progress.target;
  exchange.hop.info = host.target->info(progress.target);
  exchange.hop.method = "GET";
  exchange.hop.path = path_of(asset.url);
  exchange.hop.is_first = exchange.hop.sends_body = false;
  exchange.hop.sends_credentials = progress.target == main_->prepared->args.target(main_->args);
  exchange.lane = &session_->lane(progress.target);
  ++progress.running;
  ++running_;
  exchange.lane->push(&exchange);
  exchange.lane->advance(now);
  return true;
}

AssetFetch& Page::take_fetch() {
  if (free_.empty()) {
    AssetFetch& made = fetches_.emplace_back();
    made.page = this;
    return made;
  }
  AssetFetch& fetch = *free_.back();
  free_.pop_back();
  return fetch;
}

void Page::asset_ended(Exchange& exchange) {
  AssetFetch& fetch = *exchange.asset;
  const Verdict& own = exchange.verdict;
  const bool is_refused = own.outcome == SQ_OUT_OK && exchange.status >= 400;
  const uint32_t outcome = is_refused ? uint32_t{SQ_OUT_FAILED} : own.outcome;
  const uint32_t kind = is_refused ? uint32_t{SQ_K_STATUS} : own.kind;
  const size_t number = static_cast<size_t>(fetch.kind);
  last_ns_ = std::max(last_ns_, exchange.clock.last_ns);
  if (plan_->series[number])
    host.samples->record(session_->shard.handle, session_->id, plan_->series[number],
                         fetch.call.due_ns, std::max(exchange.clock.last_ns, fetch.call.due_ns),
                         outcome, kind, fetch.call.bytes_in);
  if (outcome != SQ_OUT_OK && verdict_.outcome == SQ_OUT_OK) {
    std::string& detail = main_->spare().detail_text;
    detail = kAssetKindNames[number];
    detail += ": ";
    if (is_refused)
      detail.append("status ").append(std::to_string(exchange.status));
    else
      detail += own.detail;
    verdict_ = {outcome, kind, detail};
  }
  ++fetched_;
  body_bytes_ += exchange.body_bytes;
  main_->call->bytes_out += fetch.call.bytes_out;
  main_->call->bytes_in += fetch.call.bytes_in;
  --progress_[fetch.group].running;
  --running_;
  fetch.exchange = nullptr;
  free_.push_back(&fetch);
  session_->shard.exchanges.give_back(&exchange);
  if (outcome == SQ_OUT_CANCELLED) state_ = State::kEnding;  // the host stops, or cancel() did it
  pump();
}

void Page::cancel(Verdict verdict) {
  if (state_ == State::kOver) return;
  state_ = State::kEnding;
  verdict_ = verdict;
  is_pumping_ = true;
  // Those that wait go first: none of them shall take the connection of one that is stopped.
  for (const bool is_served : {false, true})
    for (AssetFetch& fetch : fetches_) {
      Exchange* exchange = fetch.exchange;
      if (!exchange || exchange->has_verdict) continue;
      if ((exchange->lane->serving(*exchange) != nullptr) == is_served)
        session_->stop(*exchange, verdict);
    }
  is_pumping_ = false;
  if (running_ == 0) finish();
}

void Page::finish() {
  state_ = State::kOver;
  main_->phase = SQ_PH_RECEIVE;
  main_->mark(last_ns_);
  main_->verdict = verdict_;
  session_->complete(main_);
}

void Page::reset() {
  session_ = nullptr;
  main_ = nullptr;
  plan_ = nullptr;
  list_ = nullptr;
  fetched_ = left_out_ = body_bytes_ = last_ns_ = 0;
  state_ = State::kFetching;
  pump_again_ = false;
  verdict_ = {};
}

}  // namespace squall::http
