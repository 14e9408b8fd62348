// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/mapped_room.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace ctflow::accounting {

MappedRoom::MappedRoom(int file, std::size_t size) {
  const auto fail = [](int error) {
    throw std::system_error(error, std::generic_category(), "room in a file");
  };
  const off_t end = lseek(file, 0, SEEK_END);
  if (end < 0) fail(errno);
  const auto step = static_cast<off_t>(size);
  const off_t begin = (end + step - 1) / step * step;
  // A hole could find no room later, and a store to it would end the process.
  if (const int error = posix_fallocate(file, begin, step); error != 0) fail(error);
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, begin);
  if (memory == MAP_FAILED) fail(errno);
  octets_ = {static_cast<std::byte*>(memory), size};
}

MappedRoom::~MappedRoom() {
  if (!octets_.empty()) munmap(octets_.data(), octets_.size());
}

MappedRoom::MappedRoom(MappedRoom&& other) noexcept : octets_(std::exchange(other.octets_, {})) {}

MappedRoom& MappedRoom::operator=(MappedRoom&& other) noexcept {
  std::swap(octets_, other.octets_);
  return *this;
}

}  // namespace ctflow::accounting
