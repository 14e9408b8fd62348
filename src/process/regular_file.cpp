// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "process/descriptor.hpp"

namespace ctflow {

FileText read_regular_file(const std::string& file, std::size_t most) {
  const auto fail = [](int error) {
    throw std::system_error(std::error_code(error, std::generic_category()));
  };
  // A pipe without a writer, or a terminal, would hold it up.
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found {};
  if (!from.is_open() || fstat(from.number(), &found) != 0) fail(errno);
  if (S_ISDIR(found.st_mode)) fail(EISDIR);
  if (!S_ISREG(found.st_mode)) {
    throw std::runtime_error("expected a file, got a pipe, socket or device");
  }
  FileText result;
  result.written = std::chrono::sys_seconds(std::chrono::seconds(found.st_mtim.tv_sec));
  std::array<char, 16384> piece{};
  while (result.text.size() <= most) {
    const ssize_t count = ::read(from.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    if (count == 0) break;
    result.text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return result;
}

}  // namespace ctflow
