// A page with its assets, as one call: once the page's own answer is there, fetches what it names,
// several at a time, each as an exchange of its own that ends here and not at the host.  Which
// connection serves one, redirects and cookies are the session's business, as for every request.
//
//   state      event                         next
//   fetching   an asset ended                fetching (the next one of its target begins)
//   fetching   the last asset ended          over: the page's call is completed
//   fetching   cancel()                      ending (no more begin, those in flight are stopped)
//   ending     the last in flight ended      over
#pragma once
#include <array>
#include <deque>
#include <memory>

#include "assets.hpp"
#include "exchange.hpp"

namespace squall::http {

class Session;

/// What a prepared page has beside a prepared get.
struct PagePlan {
  PagePlan(const Prepared& page, std::span<const sq_binding> bindings);

  const std::unique_ptr<const Prepared> asset;  // what the request of each is made from
  uint32_t connections = kConnectionsDefault;   // of one target at a time
  bool is_listed = false;                       // by the user: the page is not looked into
  bool shows_body = false;                      // its text is wanted when all is over
  std::array<sq_series*, kAssetKinds> series{};
};

/// One asset on its way.
struct AssetFetch {
  Page* page = nullptr;
  Exchange* exchange = nullptr;  // null: free for another
  size_t group = 0;
  AssetKind kind = AssetKind::kOther;
  sq_call call{};  // no call of the host's: where the exchange counts bytes and times
};

class Page {
 public:
  /// Whether the answer is one that a browser would show.
  static bool is_good(const Exchange& exchange);
  /// Takes over: the exchange, whose own answer is there, is completed when its assets are.
  void begin(Session& session, Exchange& exchange);
  void asset_ended(Exchange& exchange);
  void cancel(Verdict verdict);
  /// Ready for another page.
  void reset();

  sq_call* call() const { return main_->call; }
  uint64_t fetched() const { return fetched_; }
  uint64_t left_out() const { return left_out_; }
  uint64_t body_bytes() const { return body_bytes_; }  // of the assets

 private:
  enum class State { kFetching, kEnding, kOver };
  struct Progress {  // in one group of the list
    const sq_target* target = nullptr;
    size_t next = 0;
    uint32_t running = 0;
  };

  bool look(Exchange& exchange);
  void list_given(const Exchange& exchange);
  bool is_excepted(std::string_view url) const;
  void pump();
  bool begin_next(size_t group);
  AssetFetch& take_fetch();
  void finish();

  Session* session_ = nullptr;
  Exchange* main_ = nullptr;
  const PagePlan* plan_ = nullptr;
  std::shared_ptr<const AssetList> list_;
  std::vector<Progress> progress_;  // by group
  std::deque<AssetFetch> fetches_;
  std::vector<AssetFetch*> free_;
  uint64_t fetched_ = 0, left_out_ = 0, body_bytes_ = 0, last_ns_ = 0;
  uint32_t running_ = 0;
  State state_ = State::kFetching;
  bool is_pumping_ = false, pump_again_ = false;
  Verdict verdict_;
};

}  // namespace squall::http
