// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/standard_output.hpp"

#include <poll.h>
#include <unistd.h>

#include <iostream>

namespace ctflow {

bool output_lost() {
  if (std::cout.flush()) return false;
  pollfd out{STDOUT_FILENO, 0, 0};
  const bool unwanted = poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLNVAL)) != 0;
  return !unwanted;
}

}  // namespace ctflow
