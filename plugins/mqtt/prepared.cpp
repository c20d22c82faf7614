#include "prepared.hpp"

#include "operations.hpp"
#include "topic.hpp"
#include "where.hpp"

namespace squall::mqtt {
namespace {

using plugin::as_text, plugin::invalid;

void check_target(const plugin::Bound& to) {
  if (!to.given) throw invalid("an mqtt operation needs a target (to)");
  if (!to.is_static() || !plugin::as_target(to.value)) return;
  const std::string_view scheme =
      plugin::view(plugin::host.target->info(plugin::as_target(to.value))->scheme);
  if (scheme != "mqtt" && scheme != "mqtts")
    throw invalid("the target must be mqtt:// or mqtts://, not " + std::string(scheme) + "://");
}

void check_qos(const plugin::Bound& qos) {
  if (!qos.given || !qos.is_static()) return;
  const int64_t value = plugin::as_int(qos.value, -1);
  if (value < 0 || value > 2) throw invalid("qos must be 0, 1 or 2, not " + std::to_string(value));
}

void check_filter(std::string_view filter) {
  if (!is_topic_filter(filter))
    throw invalid("\"" + std::string(filter) + "\" is no valid topic filter");
}

void check_publish(const plugin::Args& args) {
  using P = PublishParam;
  check_qos(args[P::kQos]);
  if (args[P::kTopic].is_static() && !is_topic_name(as_text(args[P::kTopic].value)))
    throw invalid("\"" + std::string(as_text(args[P::kTopic].value)) +
                  "\" is no valid topic to publish to");
}

std::vector<std::string> read_filters(const plugin::Args& args) {
  using P = SubscribeParam;
  check_qos(args[P::kQos]);
  if (args[P::kTopic].given == args[P::kTopics].given)
    throw invalid("subscribe needs topic or topics, one of the two");
  std::vector<std::string> filters;
  if (!args[P::kTopic].is_static() || !args[P::kTopics].is_static()) return filters;
  if (args[P::kTopic].given) filters.emplace_back(as_text(args[P::kTopic].value));
  for (const sq_value& item : plugin::as_list(args[P::kTopics].value))
    filters.emplace_back(as_text(item));
  if (filters.empty()) throw invalid("topics is empty");
  for (const std::string& filter : filters) check_filter(filter);
  return filters;
}

void check_expect(const plugin::Args& args) {
  using P = ExpectParam;
  if (args[P::kTopic].given && args[P::kTopic].is_static())
    check_filter(as_text(args[P::kTopic].value));
  if (args[P::kCount].given && plugin::as_int(args[P::kCount].value) < 1)
    throw invalid("count must be at least 1");
  if (!args[P::kWhere].is_static()) return;
  if (const std::string_view key = unknown_where_key(args[P::kWhere].value); !key.empty())
    throw invalid("where knows equals, contains, starts_with, json, not \"" + std::string(key) +
                  "\"");
}

}  // namespace

Prepared::Prepared(Instance& owner, uint32_t op, std::span<const sq_binding> bindings,
                   const sq_wants&)
    : instance(owner), operation(op), args(*kOperations[op], bindings) {
  check_target(args.to());
  switch (operation) {
    case kConnect: {
      bool is_fixed = true;
      for (uint32_t i = 0; i < plugin::param_count(*kOperations[kConnect]); ++i)
        is_fixed = is_fixed && args[i].is_static();
      if (is_fixed)
        connect =
            std::make_shared<const ConnectOptions>(options_of(instance.defaults, args, nullptr));
      break;
    }
    case kPublish: check_publish(args); break;
    case kSubscribe: filters = read_filters(args); break;
    case kExpect:
      check_expect(args);
      instance.has_expect.store(true, std::memory_order_relaxed);
      break;
    default: break;
  }
}

}  // namespace squall::mqtt
