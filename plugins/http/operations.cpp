// The described operations; see operations.hpp.
#include "operations.hpp"

#include <squall/plugin.hpp>

namespace squall::http {
namespace {

using plugin::operation;
using plugin::param;

constexpr const char* kDecodeChoices[] = {"auto", "gzip", "none", nullptr};
constexpr const char* kConnectionChoices[] = {"keep", "new", "close", nullptr};

constexpr sq_param kPathParam =
    param(SQ_T_STR, "path", "path below the target's address, with or without a query",
          {.default_json = "\"/\""});
constexpr sq_param kQueryParam =
    param(SQ_T_MAP, "query", "query fields, percent-encoded; an empty one is left out");
constexpr sq_param kHeadersParam =
    param(SQ_T_MAP, "headers", "header fields; they replace those sent by default");
constexpr sq_param kJsonParam =
    param(SQ_T_BYTES, "json", "any value, sent as JSON text", {.unit = SQ_U_JSON});
constexpr sq_param kFormParam = param(SQ_T_MAP, "form", "fields, sent urlencoded");
constexpr sq_param kMultipartParam =
    param(SQ_T_LIST, "multipart",
          "parts, each a map {name, value or file, filename, type}, sent as form-data");
constexpr sq_param kBodyParam = param(SQ_T_BYTES, "body", "text or bytes, sent as they are");
constexpr sq_param kPayloadParam = param(
    SQ_T_SOURCE, "payload", "a payload of any size, streamed, chunked when its size is unknown");
constexpr sq_param kAuthParam =
    param(SQ_T_MAP, "auth", "{basic: user:password} or {bearer: token}", {.flags = SQ_P_SECRET});
constexpr sq_param kRedirectsParam =
    param(SQ_T_I64, "redirects", "how many redirects to follow, 0 to 10, listed targets only",
          {.flags = SQ_P_STATIC, .default_json = "10"});
constexpr sq_param kDecodeParam =
    param(SQ_T_STR, "decode",
          "auto: decode gzip and deflate when the body is looked at; gzip: also ask for it; none",
          {.flags = SQ_P_STATIC, .default_json = "\"auto\"", .choices = kDecodeChoices});
constexpr sq_param kConnectionParam =
    param(SQ_T_STR, "connection",
          "keep: reuse it; new: begin on a fresh one; close: used for this request alone",
          {.flags = SQ_P_STATIC, .default_json = "\"keep\"", .choices = kConnectionChoices});
constexpr sq_param kAsIsParam =
    param(SQ_T_BOOL, "as_is",
          "path goes out byte for byte, in place of the target's own; one that cannot fails",
          {.flags = SQ_P_STATIC, .default_json = "false"});
constexpr sq_param kMethodParam =
    param(SQ_T_STR, "method", "the request's method", {.flags = SQ_P_REQUIRED});

constexpr const sq_param* kRequestParams[] = {
    &kPathParam,   &kQueryParam,      &kHeadersParam, &kAuthParam,      &kRedirectsParam,
    &kDecodeParam, &kConnectionParam, &kAsIsParam,    &kJsonParam,      &kFormParam,
    &kMultipartParam, &kBodyParam,    &kPayloadParam, &kMethodParam,    nullptr};
constexpr const sq_param* kMethodParams[] = {
    &kPathParam,   &kQueryParam,      &kHeadersParam, &kAuthParam, &kRedirectsParam,
    &kDecodeParam, &kConnectionParam, &kAsIsParam,    &kJsonParam, &kFormParam,
    &kMultipartParam, &kBodyParam,    &kPayloadParam, nullptr};

constexpr sq_param kAssetsParam =
    param(SQ_T_LIST, "assets",
          "what is fetched with the page, as paths or addresses; without it: what the page names");
constexpr sq_param kExceptParam =
    param(SQ_T_LIST, "except", "texts: an asset whose address holds one of them is not fetched");
constexpr sq_param kConnectionsParam =
    param(SQ_T_I64, "connections", "how many fetch assets from one target at a time, 1 to 64",
          {.flags = SQ_P_STATIC, .default_json = "6"});
constexpr const sq_param* kPageParams[] = {
    &kPathParam,   &kQueryParam,      &kHeadersParam, &kAuthParam,   &kRedirectsParam,
    &kDecodeParam, &kConnectionParam, &kAsIsParam,    &kAssetsParam, &kExceptParam,
    &kConnectionsParam, nullptr};

constexpr sq_param kStatusOutput = param(SQ_T_I64, "status", "the answer's status code");
constexpr sq_param kBodyOutput = param(SQ_T_BYTES, "body", "the answer's body, decoded");
constexpr sq_param kHeaderOutput =
    param(SQ_T_STR, "header", "one header field of the answer, by name");
constexpr sq_param kSizeOutput =
    param(SQ_T_I64, "size", "bytes of the body as sent, before decoding");
constexpr sq_param kUrlOutput =
    param(SQ_T_STR, "url", "the address that answered, after redirects");
constexpr const sq_param* kOutputs[] = {&kStatusOutput, &kBodyOutput, &kHeaderOutput,
                                        &kSizeOutput,   &kUrlOutput,  nullptr};
constexpr sq_param kPageSizeOutput =
    param(SQ_T_I64, "size", "bytes of all bodies, the assets' too, as sent, before decoding");
constexpr sq_param kFetchedOutput = param(SQ_T_I64, "assets", "how many assets were fetched");
constexpr sq_param kLeftOutOutput =
    param(SQ_T_I64, "left_out",
          "how many assets lie outside the listed targets, and were not fetched");
constexpr const sq_param* kPageOutputs[] = {
    &kStatusOutput, &kBodyOutput,    &kHeaderOutput,  &kPageSizeOutput,
    &kUrlOutput,    &kFetchedOutput, &kLeftOutOutput, nullptr};

constexpr sq_op op(const char* name, const char* doc,
                   const sq_param* const* params = kMethodParams,
                   const sq_param* const* outputs = kOutputs) {
  return operation(
      name, doc, params, outputs,
      {.flags = SQ_OP_BULK, .code_output = "status", .code_min = 100, .code_max = 399});
}
constexpr sq_op kRequestOp = op("request", "sends a request with any method", kRequestParams);
constexpr sq_op kGetOp = op("get", "sends GET");
constexpr sq_op kPostOp = op("post", "sends POST");
constexpr sq_op kPutOp = op("put", "sends PUT");
constexpr sq_op kPatchOp = op("patch", "sends PATCH");
constexpr sq_op kDeleteOp = op("delete", "sends DELETE");
constexpr sq_op kHeadOp = op("head", "sends HEAD");
constexpr sq_op kPageOp =
    op("page", "sends GET, then fetches what the page needs to be shown, as a browser does",
       kPageParams, kPageOutputs);

constexpr sq_param kHeaderLimit =
    param(SQ_T_I64, "header_limit", "largest header block of an answer",
          {.unit = SQ_U_BYTES, .default_json = "65536"});
constexpr sq_param kDecodeLimit = param(SQ_T_I64, "decode_limit", "largest body after decoding",
                                        {.unit = SQ_U_BYTES, .default_json = "67108864"});
constexpr sq_param kConnectionsOption =
    param(SQ_T_I64, "connections",
          "how many a user may have open to one target for what it does side by side, 1 to 64",
          {.default_json = "6"});

}  // namespace

const sq_op* const kOperations[] = {&kRequestOp, &kGetOp,    &kPostOp, &kPutOp,
                                    &kPatchOp,   &kDeleteOp, &kHeadOp, &kPageOp, nullptr};
const sq_param* const kOptions[] = {&kHeaderLimit, &kDecodeLimit, &kConnectionsOption, nullptr};

const char* method_of(uint32_t operation) {
  static constexpr const char* kMethods[] = {"",      "GET",    "POST", "PUT",
                                             "PATCH", "DELETE", "HEAD", "GET"};
  return kMethods[operation];
}

}  // namespace squall::http
