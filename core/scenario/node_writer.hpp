// For what the decoder writes out in the scenario's own words, because another key is short for it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "scenario/node.hpp"

namespace squall {

/// Nodes at the place of another one, so that mistakes in what is written out show where it came from.
class NodeWriter {
 public:
  explicit NodeWriter(const Node& place) : place_(place) {}

  Node text(std::string text) const {
    Node node = empty(Node::Kind::scalar);
    node.text = std::move(text);
    node.quoted = true;
    return node;
  }
  Node word(std::string word) const {
    Node node = text(std::move(word));
    node.quoted = false;
    return node;
  }
  Node list(std::vector<Node> items) const {
    Node node = empty(Node::Kind::list);
    node.items = std::move(items);
    return node;
  }
  Node map(std::vector<std::pair<const char*, Node>> entries) const {
    Node node = empty(Node::Kind::map);
    for (auto& [key, value] : entries) add(node, key, std::move(value));
    return node;
  }
  void add(Node& map, const char* key, Node value) const {
    map.keys.push_back(word(key));
    map.items.push_back(std::move(value));
  }

 private:
  Node empty(Node::Kind kind) const {
    Node node;
    node.kind = kind;
    node.mark = place_.mark;
    node.length = place_.length;
    return node;
  }
  const Node& place_;
};

}  // namespace squall
