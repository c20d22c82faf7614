// The SDK's fake host of outputs.
#pragma once
#include <squall/testing/fake_output.hpp>

#include "googletest_complaints.hpp"
