// The SDK's fake host, whose complaints are failures of the GoogleTest case that runs.
#pragma once
#include <gtest/gtest.h>

#include <squall/testing/fake_host.hpp>

namespace fake = squall::fake;

namespace squall::fake {
inline const bool complains_to_googletest = [] {
  on_failure = [](const std::source_location& where, const std::string& text) {
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
  };
  return true;
}();
}  // namespace squall::fake
