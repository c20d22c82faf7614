// What a page needs to be shown: the addresses that its HTML names, by listed target, in the order
// of the document.  HTML is read by libxml2; this file knows which elements and attributes count.
#pragma once
#include <squall/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace squall::http {

enum class AssetKind : uint8_t { kImage, kScript, kStylesheet, kOther };
inline constexpr const char* kAssetKindNames[] = {"image", "script", "stylesheet", "other"};
inline constexpr size_t kAssetKinds = 4;

struct Asset {
  std::string url;  // absolute, without fragment
  AssetKind kind;
};

struct AssetList {
  struct Group {  // of one target
    const sq_target* target;
    std::vector<Asset> assets;
  };
  std::vector<Group> groups;
  uint64_t left_out = 0;          // addresses of no listed target
  bool is_nested_deeply = false;  // deeper than kMaxDepth: it was not read to its end

  static constexpr int kMaxDepth = 512;  // as in browsers

  /// `url`: absolute.  Nothing is done about an address that is there already: see AssetFinder.
  void add(std::string url, AssetKind kind);
  size_t bytes() const;
};

/// The assets of a page that came from `page_url`.
AssetList find_assets(std::string_view html, const std::string& page_url);
/// Of an address that a person listed: by the end of its path.
AssetKind kind_of(std::string_view url);
/// Once, before find_assets is called on several threads.
void begin_html();

}  // namespace squall::http
