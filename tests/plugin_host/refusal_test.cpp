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

  /// Why it is not loaded, behind its path; "" when it is.
  std::string refusal(const fs::path& path) {
    Extensions extensions({});
    auto loaded = load_plugin(path, extensions.host());
    if (loaded) return "";
    const std::string where = "plugin " + path.string() + ": ";
    EXPECT_TRUE(loaded.error().text.starts_with(where)) << loaded.error().text;
    return loaded.error().text.substr(where.size());
  }

  void expect(const fs::path& path, const std::string& why) {
    EXPECT_EQ(refusal(path), why);
    EXPECT_FALSE(fs::exists(trace_)) << "code of the plugin ran";
  }

  std::string refusal_of(unsigned major, unsigned minor, const std::string& build_info);

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

/// A plugin that says to be of that version; "" when it is loaded. Of one that is refused no function was called.
std::string Refusal::refusal_of(unsigned major, unsigned minor, const std::string& build_info) {
  const std::string name = fmt::format("v{}_{}", major, minor);
  return refusal(compile(
      name, fmt::format("#include <stdlib.h>\n"
                        "static sq_status init(const sq_host *h, sq_error *e) {{ (void)h; (void)e; {}; return 0; }}\n"
                        "static const void *get(const char *id) {{ (void)id; return 0; }}\n"
                        "static const sq_plugin p = {{sizeof(sq_plugin), {}, {}, \"org.example.a\", \"2.0\", 0, 0, {}, 0, init, 0, get}};\n"
                        "SQ_EXPORT const sq_plugin *squall_plugin_entry_v1(void) {{ return &p; }}",
                        major == SQ_ABI_MAJOR && minor <= SQ_ABI_MINOR ? "" : "abort()", major, minor, build_info)));
}

TEST_F(Refusal, EachMinorUpToTheHostsIsLoaded) {
  for (unsigned minor = 0; minor <= SQ_ABI_MINOR; ++minor) EXPECT_EQ(refusal_of(SQ_ABI_MAJOR, minor, "\"cc\""), "");
}

TEST_F(Refusal, ANewerMinorIsRefusedWithBothVersionsAndBothRemedies) {
  for (const unsigned more : {1u, 7u}) {
    EXPECT_EQ(refusal_of(SQ_ABI_MAJOR, SQ_ABI_MINOR + more, more == 1 ? "\"g++ 12.2.0\"" : "0"),
              fmt::format("org.example.a 2.0 needs plugin ABI {0}.{1}, this squall has {0}.{2} (plugin built with: {3}); update squall, or "
                          "rebuild the plugin with -DSQ_TARGET_MINOR={2}",
                          SQ_ABI_MAJOR, SQ_ABI_MINOR + more, SQ_ABI_MINOR, more == 1 ? "g++ 12.2.0" : "unknown"));
  }
}

TEST_F(Refusal, AnotherMajorInTheDescriptorIsRefusedWhateverItsMinor) {
  for (const auto& [major, minor] : {std::pair{SQ_ABI_MAJOR - 1, 0u}, {SQ_ABI_MAJOR - 1, 2u}, {SQ_ABI_MAJOR + 1, 0u}}) {   // 0.2: the last before 1.0
    EXPECT_EQ(refusal_of(major, minor, "\"cc\""), fmt::format("was built for plugin ABI {}.{}, this squall has {}.{}; rebuild it with "
                                                              "this squall's SDK", major, minor, SQ_ABI_MAJOR, SQ_ABI_MINOR));
  }
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
