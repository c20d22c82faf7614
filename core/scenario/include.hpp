// `include`: settings that stand in a file of their own, put in place before anything is decoded. A name that stands in
// both files is a mistake: which of the two counts would be anybody's guess.
#pragma once

#include <string>
#include <vector>

#include "scenario/node.hpp"

namespace squall {

/// `files`: the scenario's own as its user named it; those that it includes are added, and marks say which is meant.
void include_files(Node& root, const std::string& folder, std::vector<std::string>& files, Diagnostics& diagnostics);

}  // namespace squall
