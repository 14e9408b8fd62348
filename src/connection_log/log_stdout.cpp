// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/log_stdout.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "process/disk_errors.hpp"

namespace ctflow {
namespace {

/// Standard output is the process's own, as its log is.
std::mutex& turns() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

std::error_code LogStdout::append(std::string_view lines, TimePoint /*now*/) {
  const std::scoped_lock turn(turns());
  while (done_ < lines.size()) {
    const ssize_t count = write(descriptor_, lines.data() + done_, lines.size() - done_);
    if (count >= 0) {
      done_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {  // a program that shares the description made it so
      pollfd writable{descriptor_, POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return last_error();
    }
  }
  done_ = 0;
  return {};
}

}  // namespace ctflow
