// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/file_contents.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "config/source_text.hpp"
#include "ctflow/config.hpp"
#include "process/descriptor.hpp"
#include "text/escape.hpp"

namespace ctflow::config {
namespace {

[[noreturn]] void fail_reading(const std::string& file_name, const std::string& why) {
  throw ConfigError(fmt::format("{}: cannot be read: {}", text::printable(file_name), why));
}

[[noreturn]] void fail_reading(const std::string& file_name, int error) {
  fail_reading(file_name, std::generic_category().message(error));
}

}  // namespace

std::string file_contents(const std::string& file_name) {
  // A pipe without a writer, or a terminal, would hold up the start and every reload.
  const Descriptor file(open(file_name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.is_open() || fstat(file.number(), &status) != 0) fail_reading(file_name, errno);
  if (S_ISDIR(status.st_mode)) fail_reading(file_name, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    fail_reading(file_name, "expected a file, got a pipe, socket or device");
  }
  std::string text;
  std::array<char, 16384> piece{};
  while (text.size() <= kMaxFileSize) {
    const ssize_t count = read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_reading(file_name, errno);
    if (count == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace ctflow::config
