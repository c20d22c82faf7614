#include "operations.hpp"

#include <squall/plugin.hpp>

namespace squall::mqtt {
namespace {

using plugin::operation;
using plugin::param;

constexpr const char* kQosLevels[] = {"0", "1", "2", nullptr};
constexpr const char* kVersions[] = {"3.1.1", "5", nullptr};
constexpr const char* kClients[] = {"mosquitto", "paho", nullptr};

// ---- connect -----------------------------------------------------------------------------------
// Defaults are the instance's options, so the parameters state none of their own.
constexpr sq_param kVersion = param(SQ_T_STR, "version", "MQTT version", {.choices = kVersions});
constexpr sq_param kClientId =
    param(SQ_T_STR, "client_id", "client identifier; one that no other session has when not given");
constexpr sq_param kKeepAlive =
    param(SQ_T_DURATION, "keep_alive", "whole seconds, at least 5s; 0s: none");
constexpr sq_param kClean =
    param(SQ_T_BOOL, "clean", "begin with a clean session", {.default_json = "true"});
constexpr sq_param kWill =
    param(SQ_T_MAP, "will", "the last will: topic, payload, qos (0), retain (false)");
constexpr sq_param kUser = param(SQ_T_STR, "user", "user name");
constexpr sq_param kPassword = param(SQ_T_STR, "password", "password", {.flags = SQ_P_SECRET});
constexpr sq_param kClient =
    param(SQ_T_STR, "client", "client library", {.flags = SQ_P_STATIC, .choices = kClients});
constexpr const sq_param* kConnectParams[] = {&kVersion, &kClientId, &kKeepAlive, &kClean, &kWill,
                                              &kUser,    &kPassword, &kClient,    nullptr};

constexpr sq_param kReason = param(
    SQ_T_I64, "reason", "MQTT 5 reason code; a 3.1.1 broker's answer is given as its equivalent");
constexpr sq_param kSessionPresent =
    param(SQ_T_BOOL, "session_present", "the broker had kept this client's session");
constexpr const sq_param* kConnectOutputs[] = {&kReason, &kSessionPresent, nullptr};
constexpr const sq_param* kReasonOnly[] = {&kReason, nullptr};

// ---- publish -----------------------------------------------------------------------------------
constexpr sq_param kTopic =
    param(SQ_T_STR, "topic", "topic name, without wildcards", {.flags = SQ_P_REQUIRED});
constexpr sq_param kPayload = param(SQ_T_SOURCE, "payload", "the message; empty when not given");
constexpr sq_param kQos =
    param(SQ_T_I64, "qos", "quality of service", {.default_json = "0", .choices = kQosLevels});
constexpr sq_param kRetain =
    param(SQ_T_BOOL, "retain", "the broker keeps the message", {.default_json = "false"});
constexpr sq_param kProperties = param(
    SQ_T_MAP, "properties",
    "MQTT 5: content_type, response_topic, correlation_data, message_expiry, payload_format, "
    "topic_alias; every other name is a user property");
constexpr sq_param kTrailer = param(
    SQ_T_BOOL, "trailer",
    "append 32 bytes (stream, sequence, send time) from which subscribers of this tool count "
    "latency, loss, duplicates and order",
    {.default_json = "false"});
constexpr const sq_param* kPublishParams[] = {&kTopic,      &kPayload, &kQos, &kRetain,
                                              &kProperties, &kTrailer, nullptr};

// ---- subscribe ---------------------------------------------------------------------------------
constexpr sq_param kFilter = param(SQ_T_STR, "topic", "a topic filter");
constexpr sq_param kFilters = param(SQ_T_LIST, "topics", "several topic filters");
constexpr const sq_param* kSubscribeParams[] = {&kFilter, &kFilters, &kQos, nullptr};

// ---- expect ------------------------------------------------------------------------------------
constexpr sq_param kExpectTopic =
    param(SQ_T_STR, "topic", "a topic filter; any message when not given");
constexpr sq_param kCount = param(
    SQ_T_I64, "count",
    "how many matching messages; when given, a duplicate among them fails the call (class check)",
    {.flags = SQ_P_STATIC});
constexpr sq_param kWhere =
    param(SQ_T_MAP, "where",
          "what the payload must satisfy: equals, contains, starts_with; with json (a pointer such "
          "as /id) they look at that member");
constexpr const sq_param* kExpectParams[] = {&kExpectTopic, &kCount, &kWhere, nullptr};

constexpr sq_param kOutTopic = param(SQ_T_STR, "topic", "topic of the last matching message");
constexpr sq_param kOutPayload =
    param(SQ_T_BYTES, "payload", "its payload, without this tool's trailer");
constexpr sq_param kOutLatency =
    param(SQ_T_DURATION, "latency",
          "from its publisher's send to its arrival; none without a trailer of this host");
constexpr const sq_param* kExpectOutputs[] = {&kOutTopic, &kOutPayload, &kOutLatency, nullptr};

// ---- table -------------------------------------------------------------------------------------
constexpr sq_op kConnectOp =
    operation("connect",
              "opens this session's connection, until CONNACK; one that is open with the same "
              "options stays as it is",
              kConnectParams, kConnectOutputs);
constexpr sq_op kPublishOp = operation(
    "publish", "sends one message: QoS 0 until the kernel has it, QoS 1 PUBACK, QoS 2 PUBCOMP",
    kPublishParams, kReasonOnly);
constexpr sq_op kSubscribeOp =
    operation("subscribe", "until SUBACK; messages then arrive in the background", kSubscribeParams,
              kReasonOnly);
constexpr sq_op kExpectOp = operation("expect", "until a subscribed message has arrived",
                                      kExpectParams, kExpectOutputs);
constexpr sq_op kDisconnectOp =
    operation("disconnect", "ends the connection in order", plugin::kNoParams, kReasonOnly);

// ---- instance options --------------------------------------------------------------------------
constexpr sq_param kDefaultVersion =
    param(SQ_T_STR, "version", "MQTT version where a connect names none",
          {.default_json = "\"3.1.1\"", .choices = kVersions});
constexpr sq_param kDefaultClient =
    param(SQ_T_STR, "client", "client library where a connect names none",
          {.default_json = "\"mosquitto\"", .choices = kClients});
constexpr sq_param kDefaultKeepAlive =
    param(SQ_T_DURATION, "keep_alive", "keep-alive where a connect names none",
          {.default_json = "\"60s\""});

}  // namespace

const sq_op* const kOperations[] = {&kConnectOp, &kPublishOp,    &kSubscribeOp,
                                    &kExpectOp,  &kDisconnectOp, nullptr};
const sq_param* const kInstanceOptions[] = {&kDefaultVersion, &kDefaultClient, &kDefaultKeepAlive,
                                            nullptr};

}  // namespace squall::mqtt
