// MQTT 5 reason codes as short texts, and the 3.1.1 return codes as their equivalents, so that a
// scenario need not know which version its broker speaks.
#pragma once
#include <cstdint>

namespace squall::mqtt {

/// A literal, lower case; "reason" for a code that the standard does not name.
const char* reason_text(int32_t code);
/// CONNACK of MQTT 3.1.1 (0-5) to the reason code of MQTT 5; others become 0x80.
int32_t reason_of_return_code(int32_t return_code);

}  // namespace squall::mqtt
