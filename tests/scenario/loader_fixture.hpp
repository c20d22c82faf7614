// A scenario's text, files beside it, an environment and a command line of the test's own, and what the loader makes of them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "catalog_for_tests.hpp"
#include "scenario/loader.hpp"

namespace squall {

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() {
    folder_ = std::filesystem::temp_directory_path() / ("squall-loader-" + std::to_string(::getpid()) + "-" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    options_.env = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = env_.find(name);
      return found == env_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  ~LoaderTest() override { std::filesystem::remove_all(folder_); }

  void file(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  const Scenario& load(const std::string& text) {
    result_ = load_scenario_text(text, "s.yaml", folder_.string(), catalog_, options_);
    if (!result_) throw std::runtime_error("\n" + result_.diagnostics.print());
    return *result_.scenario;
  }
  std::string problems(const std::string& text) {
    result_ = load_scenario_text(text, "s.yaml", folder_.string(), catalog_, options_);
    return result_.diagnostics.print();
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> env_;
  LoadOptions options_;
  OperationCatalog catalog_ = catalog_for_tests();
  LoadResult result_;
};

inline const OperationStep& operation(const Steps& steps, std::size_t i = 0) { return std::get<OperationStep>(steps[i].what); }

inline const std::string kSmall = R"(
targets: { site: http://127.0.0.1:8080 }
tasks: { visit: [ http.get: { path: / } ] }
populations: { visitors: { load: { users: 1 } } }
)";

}  // namespace squall
