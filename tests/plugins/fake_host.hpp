// The SDK's fake host.
#pragma once
#include <squall/testing/fake_host.hpp>

#include "googletest_complaints.hpp"
