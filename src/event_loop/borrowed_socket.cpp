// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/borrowed_socket.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace ctflow {

std::error_code BorrowedSocket::borrow(int descriptor) {
  close();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  const int number = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (number < 0) return {errno, std::system_category()};
  boost::system::error_code error;
  socket_.assign(number, error);
  if (error) ::close(number);
  return error;
}

void BorrowedSocket::close() {
  pending_.revoke();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace ctflow
