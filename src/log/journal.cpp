// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/journal.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace ctflow::log {

Journal::Journal(std::string path) : path_(std::move(path)) {
  const int error = connect();
  if (error == 0) return;
  throw std::system_error(
      error, std::generic_category(),
      "the journal cannot be reached at " + path_ +
          "; use --log-format text or json where systemd-journald does not run");
}

int Journal::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::copy(path_.begin(), path_.end(), std::begin(address.sun_path));
  socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.is_open()) return errno;
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket_.number(), generic, sizeof address) == 0 ? 0 : errno;
}

int Journal::send(std::string_view message) {
  while (::send(socket_.number(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

bool Journal::wait() {
  if (patience_.count() <= 0) return false;
  const auto began = std::chrono::steady_clock::now();
  pollfd descriptor{socket_.number(), POLLOUT, 0};
  const int ready = poll(&descriptor, 1, static_cast<int>(patience_.count()));
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  patience_ -= std::max(waited, std::chrono::milliseconds(1));
  return ready > 0;
}

bool Journal::write(std::string_view message) {
  int error = send(message);
  while ((error == EAGAIN || error == EWOULDBLOCK) && wait()) error = send(message);
  // The journal was started anew, with another socket at the same path.
  if ((error == ECONNREFUSED || error == ENOTCONN || error == EBADF) && connect() == 0) {
    error = send(message);
  }
  if (error == 0) return true;
  ++lost_;
  return false;
}

std::uint64_t Journal::take_lost() { return std::exchange(lost_, 0); }

}  // namespace ctflow::log
