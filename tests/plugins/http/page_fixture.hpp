// A site of files for http.page: who asks for what, in which order, and how many at a time.
#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "http_fixture.hpp"

namespace page_test {

using squall::plugin::text_value;

struct Page : Http {
  struct File {
    std::string body, type = "text/plain", fields;
    int status = 200;
  };
  std::map<std::string, File> files;
  std::vector<std::string> asked;  // paths, in the order in which they came
  std::vector<std::string> heads;
  std::vector<sq_stream*> held;  // requests that wait for the test, with their stream
  bool holds_assets = false;
  size_t in_flight = 0, most_in_flight = 0;

  void SetUp() override {
    host.serve = [this](sq_stream& stream) {
      if (stream.sent.find("\r\n\r\n") == std::string::npos) return;
      const std::string head = stream.take_sent();
      const std::string path = head.substr(4, head.find(" HTTP/1.1") - 4);
      asked.push_back(path);
      heads.push_back(head);
      most_in_flight = std::max(most_in_flight, ++in_flight);
      if (holds_assets && asked.size() > 1) return held.push_back(&stream);
      answer(stream, path);
    };
  }
  void TearDown() override { host.serve = nullptr; }

  void answer(sq_stream& stream, const std::string& path) {
    const auto known = files.find(path);
    const File file = known == files.end() ? File{"", "text/plain", "", 404} : known->second;
    // As late as another event: what was asked together is in flight together.
    host.later(
        [this, &stream, file] {
          --in_flight;
          stream.feed("HTTP/1.1 " + std::to_string(file.status) +
                      " X\r\nContent-Type: " + file.type + "\r\n" + file.fields +
                      "Content-Length: " + std::to_string(file.body.size()) + "\r\n\r\n" +
                      file.body);
        },
        10);
  }
  void page(const std::string& html) { files["/"] = {html, "text/html; charset=utf-8", "", 200}; }
  void images(int count) {
    std::string html = "<!doctype html><html><body>";
    for (int i = 0; i < count; ++i) {
      const std::string path = "/img/" + std::to_string(i);
      html += "<img src=\"" + path + "\">";
      files[path] = {std::string(100, 'i'), "image/png", "", 200};
    }
    page(html);
  }
  fake::Call& visit(fake::Session& user, const fake::Prepared& prepared) {
    asked.clear();
    heads.clear();
    host.samples.clear();
    in_flight = most_in_flight = 0;
    auto& call = user.start(prepared);
    host.advance(1'000'000);
    return call;
  }
  fake::Call& visit(fake::Session& user) { return visit(user, http.prepare("page", bind("page"))); }
  /// What one visit asks for beside the page itself.
  std::vector<std::string> assets_of(const std::string& html) {
    page(html);
    fake::Session user(http, 1);
    visit(user);
    EXPECT_EQ(asked.at(0), "/");
    return {asked.begin() + 1, asked.end()};
  }
  using Paths = std::vector<std::string>;
};

}  // namespace page_test
