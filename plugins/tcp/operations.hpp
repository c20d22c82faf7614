// What the protocol "tcp" offers: its operations, their parameters and outputs, by the index that
// bindings and output() use.  Constants only.
#pragma once
#include <squall/plugin.hpp>

namespace squall::tcp {

using plugin::kNoParams;
using plugin::operation;
using plugin::param;

inline constexpr sq_param kSeed =
    param(SQ_T_I64, "seed", "of tcp.dump's random bytes", {.default_json = "1"});
inline constexpr const sq_param* kOptions[] = {&kSeed, nullptr};

inline constexpr sq_param kPayload = param(SQ_T_SOURCE, "payload", "what is sent");
inline constexpr const char* kSendFramings[] = {"none", "length-prefix", nullptr};
inline constexpr sq_param kSendFraming =
    param(SQ_T_STR, "framing", "length-prefix: the payload's length is sent in front of it",
          {.flags = SQ_P_STATIC, .default_json = "\"none\"", .choices = kSendFramings});
inline constexpr const char* kFramings[] = {"delimiter", "length-prefix", "fixed", "close",
                                            nullptr};
inline constexpr sq_param kFraming =
    param(SQ_T_STR, "framing", "how the end of the answer is known",
          {.flags = SQ_P_STATIC, .default_json = "\"delimiter\"", .choices = kFramings});
inline constexpr sq_param kDelimiter = param(
    SQ_T_BYTES, "delimiter", "ends the answer, is not part of it and not added to the payload",
    {.flags = SQ_P_STATIC, .default_json = "\"\\n\""});
inline constexpr sq_param kLengthBytes =
    param(SQ_T_I64, "length_bytes", "of a length prefix: 1, 2 or 4",
          {.flags = SQ_P_STATIC, .default_json = "4"});
inline constexpr const char* kEndians[] = {"big", "little", nullptr};
inline constexpr sq_param kEndian =
    param(SQ_T_STR, "endian", "of a length prefix",
          {.flags = SQ_P_STATIC, .default_json = "\"big\"", .choices = kEndians});
inline constexpr sq_param kFixedSize = param(SQ_T_I64, "size", "of the answer, for framing fixed",
                                             {.flags = SQ_P_STATIC, .unit = SQ_U_BYTES});
inline constexpr sq_param kPrefix =
    param(SQ_T_BOOL, "prefix", "framing length-prefix: the payload is sent with one, too",
          {.flags = SQ_P_STATIC, .default_json = "true"});
inline constexpr sq_param kMaxAnswer =
    param(SQ_T_I64, "max_answer", "a longer answer fails with class limit",
          {.flags = SQ_P_STATIC, .unit = SQ_U_BYTES, .default_json = "67108864"});

enum SendParameter : uint32_t { kSendPayload, kSendFramingAt, kSendLengthBytes, kSendEndian };
inline constexpr const sq_param* kSendParams[] = {&kPayload, &kSendFraming, &kLengthBytes, &kEndian,
                                                  nullptr};
enum RequestParameter : uint32_t {
  kRequestPayload,
  kRequestFraming,
  kRequestDelimiter,
  kRequestLengthBytes,
  kRequestEndian,
  kRequestSize,
  kRequestPrefix,
  kRequestMaxAnswer
};
inline constexpr const sq_param* kRequestParams[] = {&kPayload,     &kFraming,   &kDelimiter,
                                                     &kLengthBytes, &kEndian,    &kFixedSize,
                                                     &kPrefix,      &kMaxAnswer, nullptr};

enum DumpParameter : uint32_t {
  kDumpBytes,
  kDumpSource,
  kDumpFile,
  kDumpStreams,
  kDumpRate,
  kDumpChecksum,
  kDumpCloseWait
};
inline constexpr sq_param kBytes =
    param(SQ_T_I64, "bytes", "to send; with a file, default once its size", {.unit = SQ_U_BYTES});
inline constexpr const char* kSources[] = {"pattern", "random", "file", nullptr};
inline constexpr sq_param kSource =
    param(SQ_T_STR, "source", "what is sent, repeated as often as needed",
          {.flags = SQ_P_STATIC, .default_json = "\"pattern\"", .choices = kSources});
inline constexpr sq_param kFile =
    param(SQ_T_STR, "file", "path, for source file", {.flags = SQ_P_STATIC});
inline constexpr sq_param kStreams =
    param(SQ_T_I64, "streams", "1 to 64 connections that share the bytes", {.default_json = "1"});
inline constexpr sq_param kRate =
    param(SQ_T_I64, "rate", "of all streams together; default: as fast as it goes",
          {.unit = SQ_U_BYTES_PER_S});
inline constexpr sq_param kChecksumParam =
    param(SQ_T_BOOL, "checksum", "XXH64 of each stream's bytes",
          {.flags = SQ_P_STATIC, .default_json = "false"});
inline constexpr sq_param kCloseWait = param(
    SQ_T_DURATION, "close_wait", "for the peer's close, once the kernel's send queue is empty",
    {.flags = SQ_P_STATIC, .default_json = "\"2s\""});
inline constexpr const sq_param* kDumpParams[] = {&kBytes, &kSource,        &kFile,      &kStreams,
                                                  &kRate,  &kChecksumParam, &kCloseWait, nullptr};

enum Output : uint32_t { kBodyOutput, kSizeOutput };
inline constexpr sq_param kBody = param(SQ_T_BYTES, "body", "the answer without its framing");
inline constexpr sq_param kSize =
    param(SQ_T_I64, "size", "its length; of tcp.send, the bytes sent", {.unit = SQ_U_BYTES});
inline constexpr const sq_param* kOutputs[] = {&kBody, &kSize, nullptr};

enum DumpOutput : uint32_t { kDumpedOutput, kGoodputOutput, kChecksumOutput, kAcknowledgedOutput };
inline constexpr sq_param kDumped = param(SQ_T_I64, "size", "bytes sent", {.unit = SQ_U_BYTES});
inline constexpr sq_param kGoodput =
    param(SQ_T_F64, "goodput", "bytes a second from the first open stream to the end",
          {.unit = SQ_U_BYTES_PER_S});
inline constexpr sq_param kChecksum =
    param(SQ_T_STR, "checksum", "16 hex digits for each stream, in order, with commas between");
inline constexpr sq_param kAcknowledged =
    param(SQ_T_STR, "acknowledged", "by what the end is known: peer close, or send queue empty");
inline constexpr const sq_param* kDumpOutputs[] = {&kDumped, &kGoodput, &kChecksum, &kAcknowledged,
                                                   nullptr};

enum Operation : uint32_t {
  kConnectOperation,
  kSendOperation,
  kRequestOperation,
  kCloseOperation,
  kDumpOperation
};
inline constexpr sq_op kConnect =
    operation("connect", "open the session's connection, if it is not", kNoParams, kNoParams);
inline constexpr sq_op kSend = operation(
    "send", "send a payload; ends when its last byte is in the kernel", kSendParams, kOutputs);
inline constexpr sq_op kRequest =
    operation("request", "send a payload and read one framed answer", kRequestParams, kOutputs);
inline constexpr sq_op kClose =
    operation("close", "close the session's connection", kNoParams, kNoParams);
inline constexpr sq_op kDump = operation("dump", "send many bytes over connections of its own",
                                         kDumpParams, kDumpOutputs, {.flags = SQ_OP_BULK});
inline constexpr const sq_op* kOperations[] = {&kConnect, &kSend, &kRequest,
                                               &kClose,   &kDump, nullptr};

}  // namespace squall::tcp
