#include "engine/arguments.hpp"

#include <fmt/format.h>

#include <cmath>

namespace squall {
namespace {

/// Without a type of its own a value keeps the one it has: inside maps and lists.
std::uint32_t natural_type(const Value& value) {
  switch (value.data.index()) {
    case 1: return SQ_T_BOOL;
    case 2: return SQ_T_I64;
    case 3: return SQ_T_F64;
    case 4: return SQ_T_STR;
    case 5: return SQ_T_DURATION;
    case 6: return SQ_T_LIST;
    case 7: return SQ_T_MAP;
    default: return SQ_T_NULL;
  }
}

}  // namespace

bool ArgumentWriter::write(const Value& value, std::uint32_t type, sq_value& out) {
  out = {};
  if (type == SQ_T_NULL) type = natural_type(value);
  if (value.is_null()) return true;
  out.type = type;
  double number = 0;
  switch (type) {
    case SQ_T_BOOL:
      if (const bool* flag = std::get_if<bool>(&value.data)) {
        out.u.u64 = *flag;
      } else if (const std::string* text = value.text(); text && (*text == "true" || *text == "false")) {
        out.u.u64 = *text == "true";
      } else {
        error = fmt::format("'{}' is not true or false", value.to_text());
        return false;
      }
      return true;
    case SQ_T_I64:
      if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
        out.u.i64 = *whole;
      } else if (value.to_number(number) && std::abs(number) < 9.2e18) {
        out.u.i64 = std::llround(number);
      } else {
        error = fmt::format("'{}' is not a whole number", value.to_text());
        return false;
      }
      return true;
    case SQ_T_F64:
      if (!value.to_number(number)) {
        error = fmt::format("'{}' is not a number", value.to_text());
        return false;
      }
      out.u.f64 = number;
      return true;
    case SQ_T_DURATION:
      if (const auto* duration = std::get_if<Duration>(&value.data)) {
        out.u.i64 = duration->ns;
        return true;
      }
      if (const std::string* text = value.text()) {
        if (auto parsed = parse_duration_ns(*text)) {
          out.u.i64 = *parsed;
          return true;
        }
      }
      error = fmt::format("'{}' is not a duration", value.to_text());
      return false;
    case SQ_T_LIST:
      if (const auto* list = std::get_if<std::shared_ptr<const ValueList>>(&value.data)) {
        auto* items = memory.array<sq_value>((*list)->size());
        for (std::size_t i = 0; i < (*list)->size(); ++i) {
          if (!write((**list)[i], SQ_T_NULL, items[i])) return false;
        }
        out.u.list = {items, (*list)->size()};
        return true;
      }
      error = "a list is expected";
      return false;
    case SQ_T_MAP:
      if (const auto* map = std::get_if<std::shared_ptr<const ValueMap>>(&value.data)) {
        auto* pairs = memory.array<sq_pair>((*map)->size());
        for (std::size_t i = 0; i < (*map)->size(); ++i) {
          pairs[i].key = to_str(memory.copy((**map)[i].first));
          if (!write((**map)[i].second, SQ_T_NULL, pairs[i].value)) return false;
        }
        out.u.map = {pairs, (*map)->size()};
        return true;
      }
      error = "a map is expected";
      return false;
    default:  // text and bytes
      if (const std::string* text = value.text()) {
        out.u.str = to_str(memory.copy(*text));
      } else {
        std::string text_of_value;
        value.append_to(text_of_value);
        out.u.str = to_str(memory.copy(text_of_value));
      }
      return true;
  }
}

bool ArgumentWriter::write(const ParamValue& param, sq_value& out) {
  out = {};
  if (param.payload != kNone) {
    sq_source& source = sources->take();
    if (!render_payload(scenario.payloads[param.payload], *scope, source.body, error)) return false;
    out.type = SQ_T_SOURCE;
    out.u.source = &source;
    return true;
  }
  if (!param.children.empty() || param.type == SQ_T_MAP || param.type == SQ_T_LIST) {
    if (param.children.empty()) {
      // An empty map or list, or one that a template yields whole.
      if (const auto* constant = std::get_if<Value>(&param.leaf)) {
        if (constant->is_null()) { out.type = param.type; return true; }
        return write(*constant, param.type, out);
      }
    } else if (param.type == SQ_T_LIST) {
      auto* items = memory.array<sq_value>(param.children.size());
      for (std::size_t i = 0; i < param.children.size(); ++i) {
        if (!write(param.children[i].second, items[i])) return false;
      }
      out.type = SQ_T_LIST;
      out.u.list = {items, param.children.size()};
      return true;
    } else {
      auto* pairs = memory.array<sq_pair>(param.children.size());
      for (std::size_t i = 0; i < param.children.size(); ++i) {
        pairs[i].key = to_str(memory.copy(param.children[i].first));
        if (!write(param.children[i].second, pairs[i].value)) return false;
      }
      out.type = SQ_T_MAP;
      out.u.map = {pairs, param.children.size()};
      return true;
    }
  }
  if (const auto* constant = std::get_if<Value>(&param.leaf)) return write(*constant, param.type, out);
  if (const auto* distribution = std::get_if<Distribution>(&param.leaf)) {
    if (param.type == SQ_T_DURATION) return write(Value{Duration{distribution->sample_int(*scope)}}, param.type, out);
    return write(distribution->sample_value(*scope), param.type, out);
  }
  const Template& hole = std::get<Template>(param.leaf);
  if (hole.is_constant()) return write(hole.constant(), param.type, out);
  auto value = hole.evaluate(*scope);
  if (!value) {
    error = value.error().text;
    return false;
  }
  return write(*value, param.type, out);
}

}  // namespace squall
