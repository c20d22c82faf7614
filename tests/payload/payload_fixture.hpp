// Payloads from a line of JSON, rendered as a whole and in small chunks, with a folder of files of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "payload/digest.hpp"
#include "payload/json_text.hpp"
#include "payload/payload.hpp"
#include "test_scope.hpp"

namespace squall {

inline std::string hex(std::string_view bytes) {
  std::string out;
  append_hex(out, bytes);
  return out;
}

class PayloadTest : public ::testing::Test {
 protected:
  PayloadTest()
      : folder((std::filesystem::path(::testing::TempDir()) / ("squall-payload-" + std::to_string(::getpid()))).string()) {
    std::filesystem::create_directories(folder);
    scope.user_index = 7;
    scope.record = {"a/b", "s\"1"};
  }
  ~PayloadTest() override { std::filesystem::remove_all(folder); }   // tests run side by side, each in its own
  PayloadSpec make(std::string_view json, std::string name = "p") {
    auto tree = parse_json(json);
    if (!tree) {
      ADD_FAILURE() << json << ": " << tree.error().text;
      return *make_payload("p", Value{std::string()}, {names, folder});
    }
    auto made = make_payload(name, *tree, {names, folder});
    if (!made) {
      ADD_FAILURE() << json << ": " << made.error().text;
      return *make_payload("p", Value{std::string()}, {names, folder});
    }
    return *made;
  }
  std::string mistake(std::string_view json) {
    auto made = make_payload("p", *parse_json(json), {names, folder});
    return made ? "no mistake" : made.error().text;
  }
  std::string render(const PayloadSpec& payload) {
    std::string out, error;
    if (!render_payload(payload, scope, body, error)) return "error: " + error;
    EXPECT_TRUE(body.append_all(out, error)) << error;
    EXPECT_EQ(out.size(), body.size());
    // Reading in small chunks gives the same bytes, again after a rewind.
    for (int pass = 0; pass < 2; ++pass) {
      std::string chunks;
      Chunk chunk;
      while (body.next(1000, chunk)) {
        EXPECT_LE(chunk.size, 1000u);
        if (chunk.fd < 0) {
          chunks.append(chunk.data, chunk.size);
        } else {
          chunks.append(out, chunks.size(), chunk.size);
        }
        if (chunks.size() > 100'000) break;
      }
      EXPECT_EQ(chunks, out.substr(0, chunks.size()));
      body.rewind();
    }
    return out;
  }
  std::string render(std::string_view json) { return render(make(json)); }
  void write(const std::string& file, std::string_view text) {
    std::ofstream(std::filesystem::path(folder) / file, std::ios::binary) << text;
  }

  std::string folder;
  TestNames names;
  TestScope scope;
  Body body;
};

}  // namespace squall
