// A folder that goes with its test.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

struct ScratchFolder {
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "squall-sink-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path); }
  std::string path;
};
