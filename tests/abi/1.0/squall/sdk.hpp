// Everything for plugins in C++20: protocols (plugin.hpp) and compiled tasks (task.hpp).
#pragma once
#include <squall/plugin.hpp>
#include <squall/task.hpp>
