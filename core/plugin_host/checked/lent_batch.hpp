// A batch of an output, lent: all that its views show, from write() to written().
#pragma once

#include <squall/abi.h>
#include <squall/testing/lent_memory.hpp>

namespace squall::checked {

const sq_batch* lend(const sq_batch& batch, lent::Memory& loan);

}  // namespace squall::checked
