// Which entries of a recording become requests of a scenario, and what is left out for which reason.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "recording/har.hpp"
#include "recording/recorded_url.hpp"

namespace squall {

struct JourneyOptions {
  bool assets = false;         // with images, fonts, styles, scripts, media
  bool all_hosts = false;      // with origins other than the first page's
  std::string source;          // the recording's file name, for the scenario's first line
  std::string payload_folder;  // where bodies in files go, seen from the scenario
};

struct LeftOut {
  std::size_t assets = 0, failed = 0, cached = 0, websockets = 0, tunnels = 0, unusable = 0;
  std::map<std::string, std::size_t> hosts;    // other than the first page's
  std::map<std::string, std::size_t> schemes;  // data, blob, chrome-extension …

  /// "12 static files (--assets keeps them), 1 data: address", or "" when nothing was.
  std::string text() const;
};

struct SelectedEntry {
  const HarEntry* entry;  // of the recording that was given
  RecordedUrl url;
};

struct Selection {
  std::vector<SelectedEntry> requests;  // in the order in which they began
  /// Went over the network to hosts that were kept: while one of them runs, nobody thinks.
  std::vector<const HarEntry*> activity;
  LeftOut left_out;
};

Selection select_requests(const Har& har, const JourneyOptions& options);

}  // namespace squall
