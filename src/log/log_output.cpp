// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/log_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace ctflow::log {

void LogOutput::look() {
  struct stat now {};
  if (fstat(given_, &now) != 0) return;
  if (now.st_dev == device_ && now.st_ino == inode_) return;
  own_.reset();
  rest_.clear();
  device_ = now.st_dev;
  inode_ = now.st_ino;
  socket_ = S_ISSOCK(now.st_mode);
  if (!S_ISFIFO(now.st_mode) && isatty(given_) == 0) return;
  // O_NONBLOCK belongs to the open file, which others may share with us: it needs one of our own.
  own_.reset(open(fmt::format("/proc/self/fd/{}", given_).c_str(),
                  O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

ssize_t LogOutput::give(std::string_view text) const {
  if (socket_) return send(given_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (own_.is_open()) return ::write(own_.number(), text.data(), text.size());
  // Without a descriptor of our own: a pipe that can be written takes at least so much at once. To
  // a file this is always possible.
  pollfd descriptor{given_, POLLOUT, 0};
  if (poll(&descriptor, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(given_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
}

bool LogOutput::wait() {
  if (patience_.count() <= 0) return false;
  const auto began = std::chrono::steady_clock::now();
  pollfd descriptor{own_.is_open() ? own_.number() : given_, POLLOUT, 0};
  const int ready = poll(&descriptor, 1, static_cast<int>(patience_.count()));
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  patience_ -= std::max(waited, std::chrono::milliseconds(1));
  return ready > 0;
}

std::string_view LogOutput::push(std::string_view text) {
  while (!text.empty()) {
    const ssize_t taken = give(text);
    if (taken >= 0) {
      text.remove_prefix(static_cast<std::size_t>(taken));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait()) break;
    } else if (errno != EINTR) {
      break;  // the reader is gone, or the disk is full
    }
  }
  return text;
}

bool LogOutput::write(std::string_view line) {
  look();
  rest_ = std::string(push(rest_));
  if (rest_.empty()) {
    const std::string_view left = push(line);
    if (left.size() < line.size()) {
      rest_ = std::string(left);
      return true;
    }
  }
  ++lost_;
  return false;
}

std::uint64_t LogOutput::take_lost() { return std::exchange(lost_, 0); }

}  // namespace ctflow::log
