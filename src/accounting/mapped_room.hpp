// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that outlives the process, for what was counted and not written yet.
#pragma once

#include <cstddef>
#include <span>

namespace ctflow::accounting {

/// Room at the end of a file. What is stored there is in the file at once: it outlives the process,
/// not the kernel.
class MappedRoom {
 public:
  MappedRoom() = default;
  /// Lengthens the file to a multiple of `size`, and by `size`. Throws std::system_error.
  /// `size`: whole pages.
  MappedRoom(int file, std::size_t size);
  ~MappedRoom();

  MappedRoom(const MappedRoom&) = delete;
  MappedRoom& operator=(const MappedRoom&) = delete;
  MappedRoom(MappedRoom&& other) noexcept;
  MappedRoom& operator=(MappedRoom&& other) noexcept;

  [[nodiscard]] std::span<std::byte> octets() const { return octets_; }

 private:
  std::span<std::byte> octets_;
};

}  // namespace ctflow::accounting
