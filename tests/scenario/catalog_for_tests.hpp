// The built-in operations as the plugins describe them, by hand: the loader is tested without plugins.
#pragma once

#include "scenario/catalog.hpp"

namespace squall {

inline ParamInfo param_info(std::uint32_t type, std::string name, std::uint32_t flags = 0, std::uint32_t unit = SQ_U_NONE,
                            std::vector<std::string> choices = {}) {
  ParamInfo info;
  info.name = std::move(name);
  info.type = type;
  info.flags = flags;
  info.unit = unit;
  info.choices = std::move(choices);
  return info;
}

inline OperationInfo operation_info(std::string name, std::vector<ParamInfo> params, std::vector<ParamInfo> outputs,
                                    std::string code_output = {}, int low = 0, int high = 0) {
  OperationInfo info;
  info.name = std::move(name);
  info.params = std::move(params);
  info.outputs = std::move(outputs);
  info.code_output = std::move(code_output);
  info.code_min = low;
  info.code_max = high;
  return info;
}

inline OperationCatalog catalog_for_tests() {
  OperationCatalog catalog;
  const auto p = param_info;
  {
    ProtocolInfo http{"http", "org.squall.http", {}, {}};
    std::vector<ParamInfo> params{p(SQ_T_STR, "path", 0, SQ_U_NONE, {}), p(SQ_T_MAP, "query", 0, SQ_U_NONE, {}),
                                  p(SQ_T_MAP, "headers", 0, SQ_U_NONE, {}), p(SQ_T_BYTES, "json", 0, SQ_U_JSON, {}),
                                  p(SQ_T_MAP, "form", 0, SQ_U_NONE, {}), p(SQ_T_LIST, "multipart", 0, SQ_U_NONE, {}),
                                  p(SQ_T_BYTES, "body", 0, SQ_U_NONE, {}), p(SQ_T_SOURCE, "payload", 0, SQ_U_NONE, {}),
                                  p(SQ_T_MAP, "auth", SQ_P_SECRET, SQ_U_NONE, {}), p(SQ_T_I64, "redirects", 0, SQ_U_NONE, {}),
                                  p(SQ_T_STR, "decode", 0, SQ_U_NONE, {"none", "gzip"}),
                                  p(SQ_T_STR, "connection", 0, SQ_U_NONE, {"keep-alive", "close"}),
                                  p(SQ_T_BOOL, "as_is", SQ_P_STATIC, SQ_U_NONE, {})};
    std::vector<ParamInfo> outputs{p(SQ_T_I64, "status", 0, SQ_U_NONE, {}), p(SQ_T_BYTES, "body", 0, SQ_U_NONE, {}),
                                   p(SQ_T_STR, "header", 0, SQ_U_NONE, {}), p(SQ_T_I64, "size", 0, SQ_U_BYTES, {}),
                                   p(SQ_T_STR, "url", 0, SQ_U_NONE, {})};
    for (const char* name : {"get", "post", "put", "patch", "delete", "head"})
      http.operations.push_back(operation_info(name, params, outputs, "status", 100, 399));
    params.push_back(p(SQ_T_STR, "method", SQ_P_REQUIRED, SQ_U_NONE, {}));
    http.operations.push_back(operation_info("request", params, outputs, "status", 100, 399));
    http.options.push_back(p(SQ_T_I64, "header_limit", 0, SQ_U_BYTES, {}));
    catalog.protocols.push_back(std::move(http));
  }
  {
    ProtocolInfo mqtt{"mqtt", "org.squall.mqtt", {}, {}};
    const std::vector<ParamInfo> reason{p(SQ_T_I64, "reason", 0, SQ_U_NONE, {})};
    mqtt.operations.push_back(operation_info(
        "connect",
        {p(SQ_T_STR, "version", 0, SQ_U_NONE, {"3.1.1", "5"}), p(SQ_T_STR, "client_id", 0, SQ_U_NONE, {}),
         p(SQ_T_DURATION, "keep_alive", 0, SQ_U_NONE, {}), p(SQ_T_BOOL, "clean", 0, SQ_U_NONE, {}),
         p(SQ_T_MAP, "will", 0, SQ_U_NONE, {}), p(SQ_T_STR, "user", 0, SQ_U_NONE, {}),
         p(SQ_T_STR, "password", SQ_P_SECRET, SQ_U_NONE, {}),
         p(SQ_T_STR, "client", SQ_P_STATIC, SQ_U_NONE, {"mosquitto", "paho"})},
        reason, "reason", 0, 127));
    mqtt.operations.push_back(operation_info(
        "publish",
        {p(SQ_T_STR, "topic", SQ_P_REQUIRED, SQ_U_NONE, {}), p(SQ_T_SOURCE, "payload", 0, SQ_U_NONE, {}),
         p(SQ_T_I64, "qos", 0, SQ_U_NONE, {}), p(SQ_T_BOOL, "retain", 0, SQ_U_NONE, {}),
         p(SQ_T_MAP, "properties", 0, SQ_U_NONE, {}), p(SQ_T_BOOL, "trailer", 0, SQ_U_NONE, {})},
        reason, "reason", 0, 127));
    mqtt.operations.push_back(operation_info(
        "subscribe", {p(SQ_T_STR, "topic", 0, SQ_U_NONE, {}), p(SQ_T_LIST, "topics", 0, SQ_U_NONE, {}), p(SQ_T_I64, "qos", 0, SQ_U_NONE, {})},
        reason, "reason", 0, 127));
    mqtt.operations.push_back(operation_info(
        "expect", {p(SQ_T_STR, "topic", 0, SQ_U_NONE, {}), p(SQ_T_I64, "count", 0, SQ_U_NONE, {})},
        {p(SQ_T_STR, "topic", 0, SQ_U_NONE, {}), p(SQ_T_BYTES, "payload", 0, SQ_U_NONE, {}), p(SQ_T_DURATION, "latency", 0, SQ_U_NONE, {})}));
    catalog.protocols.push_back(std::move(mqtt));
  }
  {
    ProtocolInfo tcp{"tcp", "org.squall.tcp", {}, {}};
    const std::vector<ParamInfo> outputs{p(SQ_T_BYTES, "body", 0, SQ_U_NONE, {}), p(SQ_T_I64, "size", 0, SQ_U_BYTES, {})};
    tcp.operations.push_back(operation_info("connect", {}, {}));
    tcp.operations.push_back(operation_info("send", {p(SQ_T_SOURCE, "payload", 0, SQ_U_NONE, {})}, outputs));
    tcp.operations.push_back(operation_info("request", {p(SQ_T_SOURCE, "payload", 0, SQ_U_NONE, {}),
                                                        p(SQ_T_STR, "framing", 0, SQ_U_NONE, {"newline", "length-prefix"})}, outputs));
    tcp.operations.push_back(operation_info(
        "dump",
        {p(SQ_T_I64, "bytes", 0, SQ_U_BYTES, {}), p(SQ_T_STR, "source", 0, SQ_U_NONE, {"pattern", "random", "file"}),
         p(SQ_T_STR, "file", SQ_P_STATIC, SQ_U_NONE, {}), p(SQ_T_I64, "streams", 0, SQ_U_NONE, {}),
         p(SQ_T_I64, "rate", 0, SQ_U_BYTES_PER_S, {}), p(SQ_T_BOOL, "checksum", 0, SQ_U_NONE, {})},
        {p(SQ_T_I64, "size", 0, SQ_U_BYTES, {}), p(SQ_T_F64, "goodput", 0, SQ_U_BYTES_PER_S, {}), p(SQ_T_STR, "checksum", 0, SQ_U_NONE, {})}));
    catalog.protocols.push_back(std::move(tcp));
  }
  {
    ProtocolInfo udp{"udp", "org.squall.udp", {}, {}};
    udp.operations.push_back(operation_info("send", {p(SQ_T_SOURCE, "payload", SQ_P_REQUIRED, SQ_U_NONE, {})}, {p(SQ_T_I64, "size", 0, SQ_U_BYTES, {})}));
    udp.operations.push_back(operation_info("request", {p(SQ_T_SOURCE, "payload", SQ_P_REQUIRED, SQ_U_NONE, {})},
                                            {p(SQ_T_BYTES, "body", 0, SQ_U_NONE, {}), p(SQ_T_I64, "size", 0, SQ_U_BYTES, {})}));
    catalog.protocols.push_back(std::move(udp));
  }
  {
    ProtocolInfo job{"job", "org.squall.job", {p(SQ_T_MAP, "programs", 0, SQ_U_NONE, {}), p(SQ_T_STR, "directory", 0, SQ_U_NONE, {})}, {}};
    job.operations.push_back(operation_info(
        "run", {p(SQ_T_STR, "program", SQ_P_REQUIRED | SQ_P_STATIC, SQ_U_NONE, {}), p(SQ_T_MAP, "args", 0, SQ_U_NONE, {}),
                p(SQ_T_MAP, "env", 0, SQ_U_NONE, {}), p(SQ_T_STR, "stdin", 0, SQ_U_NONE, {})},
        {p(SQ_T_I64, "exit", 0, SQ_U_NONE, {}), p(SQ_T_BYTES, "output", 0, SQ_U_NONE, {}), p(SQ_T_I64, "signal", 0, SQ_U_NONE, {})},
        "exit", 0, 0));
    catalog.protocols.push_back(std::move(job));
  }
  catalog.outputs.push_back({"jsonl", {p(SQ_T_STR, "file", SQ_P_REQUIRED, SQ_U_NONE, {})}});
  return catalog;
}

}  // namespace squall
