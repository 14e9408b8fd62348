// SPDX-License-Identifier: GPL-2.0-or-later
#include "descriptor_limit.hpp"

#include <sys/resource.h>

namespace ctflow {

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit highest{limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &highest) == 0) limit = highest;
  return limit.rlim_cur;
}

}  // namespace ctflow
