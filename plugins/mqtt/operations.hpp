// The five operations as the host sees them, and the indexes under which their parameters and
// outputs arrive. The order of an enum is the order of its table in operations.cpp; nothing else
// may know either.
#pragma once
#include <squall/abi.h>

namespace squall::mqtt {

enum Operation : uint32_t { kConnect, kPublish, kSubscribe, kExpect, kDisconnect };

struct ConnectParam {
  enum : uint32_t { kVersion, kClientId, kKeepAlive, kClean, kWill, kUser, kPassword, kClient };
};
struct PublishParam {
  enum : uint32_t { kTopic, kPayload, kQos, kRetain, kProperties, kTrailer };
};
struct SubscribeParam {
  enum : uint32_t { kTopic, kTopics, kQos };
};
struct ExpectParam {
  enum : uint32_t { kTopic, kCount, kWhere };
};

/// Every operation's output 0 is the reason, except expect's.
enum : uint32_t { kReasonOutput = 0, kSessionPresentOutput = 1 };
struct ExpectOutput {
  enum : uint32_t { kTopic, kPayload, kLatency };
};

extern const sq_op* const kOperations[];
extern const sq_param* const kInstanceOptions[];

}  // namespace squall::mqtt
