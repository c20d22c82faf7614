// Files that are no plugin of this squall are refused in one sentence, and none of their code runs: each
// bad library has a constructor that would leave a file behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "plugin_host/extensions.hpp"
#include "plugin_host/registry.hpp"

namespace squall {
namespace {
namespace fs = std::filesystem;

class Refusal : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "squall-refusal-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    trace_ = folder_ / "ran";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Compiles C with a constructor in front; `flags` go to the compiler.
  fs::path compile(const std::string& name, const std::string& code, const std::string& flags = "") {
    const fs::path source = folder_ / (name + ".c"), library = folder_ / ("lib" + name + ".so");
    std::ofstream(source) << "#include <stdio.h>\n#include <squall/abi.h>\n"
                          << "__attribute__((constructor)) static void leave_trace(void) { fclose(fopen(\""
                          << trace_.string() << "\", \"w\")); }\n" << code;
    const std::string command = std::string(SQUALL_CC) + " -std=c11 -shared -fPIC -fvisibility=hidden -I " + SQUALL_SDK_DIR +
                                " " + flags + " -o " + library.string() + " " + source.string();
    EXPECT_EQ(std::system(command.c_str()), 0);
    return library;
  }

  std::string refusal(const fs::path& path) {
    Extensions extensions({});
    auto loaded = load_plugin(path, extensions.host());
    EXPECT_FALSE(loaded);
    return loaded ? "" : loaded.error().text;
  }

  void expect(const fs::path& path, const std::string& why) {
    EXPECT_EQ(refusal(path), "plugin " + path.string() + ": " + why);
    EXPECT_FALSE(fs::exists(trace_)) << "code of the plugin ran";
  }

  fs::path folder_, trace_;
};

TEST_F(Refusal, NotElf) {
  std::ofstream(folder_ / "libtext.so") << "hello";
  expect(folder_ / "libtext.so", "is not an ELF shared library");
  std::ofstream(folder_ / "libempty.so");
  expect(folder_ / "libempty.so", "is not an ELF shared library");
  expect(folder_ / "libmissing.so", "cannot be opened: No such file or directory");
  expect(folder_, "is not a regular file");
}

TEST_F(Refusal, Truncated) {
  const fs::path whole = compile("whole", "SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) { return 0; }");
  for (const std::uintmax_t size : {std::uintmax_t{20}, std::uintmax_t{64}, fs::file_size(whole) - 1, fs::file_size(whole) / 2}) {
    const fs::path part = folder_ / "libpart.so";
    fs::copy_file(whole, part, fs::copy_options::overwrite_existing);
    fs::resize_file(part, size);
    expect(part, "is a truncated ELF file");
  }
}

TEST_F(Refusal, NoEntry) {
  expect(compile("none", "SQ_EXPORT int something_else(void) { return 1; }"),
         "is not a squall plugin: it does not export squall_plugin_entry_v1");
}

TEST_F(Refusal, AnotherMajor) {
  expect(compile("v2", "SQ_EXPORT const void *squall_plugin_entry_v2(void) { return 0; }"),
         "speaks plugin ABI major 2, this squall speaks entry v1; rebuild it with this squall's SDK");
}

TEST_F(Refusal, MoreThanOneExport) {
  expect(compile("two", "SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) { return 0; }\n"
                        "SQ_EXPORT int helper(void) { return 1; }"),
         "exports 1 more symbol than its entry (the first is helper); link it with the SDK's version script");
}

TEST_F(Refusal, AnotherMinorIsNamedWithBothVersions) {
  const std::string text = refusal(compile(
      "minor", "static sq_status init(const sq_host *h, sq_error *e) { (void)h; (void)e; return 0; }\n"
               "static const void *get(const char *id) { (void)id; return 0; }\n"
               "static const sq_plugin p = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_ABI_MINOR + 7, \"a\", \"1\", \"\", \"\", "
               "\"cc\", 0, init, 0, get};\n"
               "SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) { return &p; }"));
  const std::string both = fmt::format("needs plugin ABI {0}.{1}, this squall has {0}.{2} (plugin built with: cc)", SQ_ABI_MAJOR,
                                       SQ_ABI_MINOR + 7, SQ_ABI_MINOR);
  EXPECT_NE(text.find(both), std::string::npos) << text;
}

TEST(Registry, FindsThePluginsOfTheBuildByName) {
  Extensions extensions({});
  Registry registry(extensions);
  // The plugin itself needs the engine's tables; that it is found and inspected is enough here.
  EXPECT_TRUE(inspect_plugin(fs::path(SQUALL_PLUGIN_DIR) / "libhttp.so"));
  EXPECT_FALSE(registry.load_directory("/nonexistent"));
  EXPECT_EQ(registry.find_protocol("http"), nullptr);
}

}  // namespace
}  // namespace squall
