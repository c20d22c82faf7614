// Users of compiled tasks, from user_open() to user_close(). Each plugin has a handle of its own for a user.
#pragma once

#include <squall/abi.h>
#include <squall/testing/lent_memory.hpp>

#include "plugin_host/checked/handles.hpp"

namespace squall::checked {

struct OwnUser {
  sq_user* real = nullptr;
  lent::Memory value{"the next get"};
};

inline Handles<sq_user, OwnUser>& users() {
  // A thread that was given up may use it while the process ends.
  static auto& all = *new Handles<sq_user, OwnUser>("user", "after its user_close");
  return all;
}

}  // namespace squall::checked
