// What a fake host of the SDK complains of is a failure of the GoogleTest case that runs.
#pragma once
#include <gtest/gtest.h>

#include <squall/testing/check.hpp>

namespace fake = squall::fake;

namespace squall::fake {
inline const bool complains_to_googletest = [] {
  on_failure = [](const std::source_location& where, const std::string& text) {
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
  };
  return true;
}();
}  // namespace squall::fake
