// Printing and comparing values. Reading JSON text is json_text.cpp's.
#include "payload/value.hpp"

#include "payload/json_text.hpp"
#include "payload/number_text.hpp"

namespace squall {
namespace {

bool lists_equal(const ValueList& a, const ValueList& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i])) return false;
  }
  return true;
}

// The file's order is kept for printing, but it is no part of what a map means.
bool maps_equal(const ValueMap& a, const ValueMap& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    bool found = false;
    for (const auto& [other_key, other] : b) {
      if (key == other_key) {
        found = value == other;
        break;
      }
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace

void Value::append_to(std::string& out) const {
  struct Printer {
    std::string& out;
    const Value& self;
    void operator()(std::monostate) const {}
    void operator()(bool value) const { out += value ? "true" : "false"; }
    void operator()(std::int64_t value) const { append_number(out, value); }
    void operator()(double value) const { append_number(out, value); }
    void operator()(const std::string& value) const { out += value; }
    void operator()(Duration value) const { append_duration(out, value.ns); }
    void operator()(const std::shared_ptr<const ValueList>&) const { append_json(out, self); }
    void operator()(const std::shared_ptr<const ValueMap>&) const { append_json(out, self); }
  };
  std::visit(Printer{out, *this}, data);
}

std::string Value::to_text() const {
  std::string out;
  append_to(out);
  return out;
}

bool Value::to_number(double& out) const {
  if (const auto* whole = std::get_if<std::int64_t>(&data)) {
    out = static_cast<double>(*whole);
    return true;
  }
  if (const auto* real = std::get_if<double>(&data)) {
    out = *real;
    return true;
  }
  if (const auto* duration = std::get_if<Duration>(&data)) {
    out = static_cast<double>(duration->ns);
    return true;
  }
  const auto* text = std::get_if<std::string>(&data);
  if (text == nullptr) return false;
  Number number;
  if (!parse_number(*text, number)) return false;
  out = number.as_double();
  return true;
}

bool operator==(const Value& a, const Value& b) {
  const auto* whole_a = std::get_if<std::int64_t>(&a.data);
  const auto* whole_b = std::get_if<std::int64_t>(&b.data);
  const auto* real_a = std::get_if<double>(&a.data);
  const auto* real_b = std::get_if<double>(&b.data);
  if (whole_a != nullptr && real_b != nullptr) return static_cast<double>(*whole_a) == *real_b;
  if (real_a != nullptr && whole_b != nullptr) return *real_a == static_cast<double>(*whole_b);
  if (a.data.index() != b.data.index()) return false;
  if (const auto* list = std::get_if<std::shared_ptr<const ValueList>>(&a.data)) {
    return lists_equal(**list, *std::get<std::shared_ptr<const ValueList>>(b.data));
  }
  if (const auto* map = std::get_if<std::shared_ptr<const ValueMap>>(&a.data)) {
    return maps_equal(**map, *std::get<std::shared_ptr<const ValueMap>>(b.data));
  }
  return a.data == b.data;
}

}  // namespace squall
