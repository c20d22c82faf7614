// The index templates of the four data streams: which fields documents have, and of what type.
#pragma once
#include <string>
#include <vector>

namespace squall::elastic {

struct Template {
  std::string name;    // squall-window
  std::string stream;  // metrics-squall.window-
  std::string body;    // of PUT /_index_template/NAME
};

/// For every namespace.
std::vector<Template> templates();

}  // namespace squall::elastic
