// The assets of pages that were looked into lately, by what the page is: thousands of users get the
// same bytes, and finding assets costs more than all other work of a request.  One shard's.
// Bounded: what was not asked for while `kMost` others, or `kMostBytes` of them, came is forgotten.
#pragma once
#include <xxhash.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "assets.hpp"

namespace squall::http {

class KnownAssets {
 public:
  static constexpr size_t kMost = 256, kMostBytes = 4 << 20;

  /// `page_url`: its query does not matter, for no address is relative to it.
  std::shared_ptr<const AssetList> of(std::string_view html, std::string_view page_url) {
    page_url = page_url.substr(0, page_url.find('?'));
    const Key key{XXH3_128bits_withSeed(html.data(), html.size(),
                                        XXH3_64bits(page_url.data(), page_url.size()))};
    if (const auto known = young_.find(key); known != young_.end()) return known->second;
    const auto older = old_.find(key);
    auto list = older != old_.end()
                    ? older->second
                    : std::make_shared<const AssetList>(find_assets(html, std::string(page_url)));
    if (young_.size() >= kMost || young_bytes_ >= kMostBytes) {
      old_ = std::exchange(young_, {});
      young_bytes_ = 0;
    }
    young_bytes_ += list->bytes();
    young_.emplace(key, list);
    return list;
  }

 private:
  struct Key {
    XXH128_hash_t hash;
    bool operator==(const Key& other) const { return XXH128_isEqual(hash, other.hash); }
  };
  struct Hash {
    size_t operator()(const Key& key) const { return key.hash.low64; }
  };
  using Lists = std::unordered_map<Key, std::shared_ptr<const AssetList>, Hash>;
  Lists young_, old_;
  size_t young_bytes_ = 0;
};

}  // namespace squall::http
