// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/boot_id.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "process/descriptor.hpp"

namespace ctflow {

std::string boot_id(const char* file) {
  // No stream of the library, which may not be ready before main().
  const Descriptor opened(open(file, O_RDONLY | O_CLOEXEC));
  if (!opened.is_open()) return {};
  std::array<char, 64> line{};
  const ssize_t octets = read(opened.number(), line.data(), line.size());
  std::string id(line.data(), octets > 0 ? static_cast<std::size_t>(octets) : 0);
  return id.substr(0, id.find('\n'));
}

}  // namespace ctflow
