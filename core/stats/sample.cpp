#include "stats/sample.hpp"

#include <squall/abi.h>

namespace squall {
namespace {

static_assert(static_cast<int>(Outcome::ok) == SQ_OUT_OK);
static_assert(static_cast<int>(Outcome::failed) == SQ_OUT_FAILED);
static_assert(static_cast<int>(Outcome::timeout) == SQ_OUT_TIMEOUT);
static_assert(static_cast<int>(Outcome::cancelled) == SQ_OUT_CANCELLED);
static_assert(static_cast<int>(ErrorClass::none) == SQ_K_NONE);
static_assert(static_cast<int>(ErrorClass::resolve) == SQ_K_RESOLVE);
static_assert(static_cast<int>(ErrorClass::connect) == SQ_K_CONNECT);
static_assert(static_cast<int>(ErrorClass::tls) == SQ_K_TLS);
static_assert(static_cast<int>(ErrorClass::send) == SQ_K_SEND);
static_assert(static_cast<int>(ErrorClass::receive) == SQ_K_RECEIVE);
static_assert(static_cast<int>(ErrorClass::closed) == SQ_K_CLOSED);
static_assert(static_cast<int>(ErrorClass::protocol) == SQ_K_PROTOCOL);
static_assert(static_cast<int>(ErrorClass::status) == SQ_K_STATUS);
static_assert(static_cast<int>(ErrorClass::check) == SQ_K_CHECK);
static_assert(static_cast<int>(ErrorClass::limit) == SQ_K_LIMIT);
static_assert(static_cast<int>(ErrorClass::plugin) == SQ_K_PLUGIN);
static_assert(static_cast<int>(ErrorClass::local_resource) == SQ_K_LOCAL_RESOURCE);
static_assert(static_cast<int>(ErrorClass::off_list) == SQ_K_OFF_LIST);
static_assert(static_cast<int>(ErrorClass::timeout) == SQ_K_TIMEOUT);
static_assert(kSamplePhases == SQ_PH_RECEIVE + 1);
static_assert(static_cast<int>(SamplePhase::receive) == SQ_PH_RECEIVE);

constexpr std::string_view kErrorNames[kErrorClasses] = {
    "",       "resolve", "connect", "tls",    "send",           "receive",  "closed", "protocol",
    "status", "check",   "limit",   "plugin", "local_resource", "off_list", "timeout"};
constexpr std::string_view kPhaseNames[kSamplePhases] = {
    "wait_connection", "resolve", "connect", "tls", "send", "first_byte", "receive"};

}  // namespace

std::string_view error_class_name(ErrorClass error) {
  const auto number = static_cast<std::size_t>(error);
  return number < kErrorClasses ? kErrorNames[number] : "plugin";
}

std::optional<ErrorClass> error_class_by_name(std::string_view name) {
  for (std::size_t i = 1; i < kErrorClasses; ++i) {
    if (kErrorNames[i] == name) return static_cast<ErrorClass>(i);
  }
  return std::nullopt;
}

std::string_view sample_phase_name(SamplePhase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

}  // namespace squall
