// SPDX-License-Identifier: GPL-2.0-or-later
// Big-endian writing into a bounded buffer.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ctflow {

/// Appends network-order integers. The first write that does not fit sets overflowed() and it and
/// all later ones write nothing, so one check after a record replaces a check per field.
class WireWriter {
 public:
  WireWriter() = default;
  explicit WireWriter(std::span<std::byte> buffer) : buffer_(buffer) {}

  void u8(std::uint8_t value) { put<1>(value); }
  void u16(std::uint16_t value) { put<2>(value); }
  void u32(std::uint32_t value) { put<4>(value); }
  void u64(std::uint64_t value) { put<8>(value); }

  void bytes(std::span<const std::uint8_t> value) {
    if (!reserve(value.size())) return;
    std::memcpy(buffer_.data() + size_, value.data(), value.size());
    size_ += value.size();
  }

  void zeros(std::size_t count) {
    if (!reserve(count)) return;
    std::memset(buffer_.data() + size_, 0, count);
    size_ += count;
  }

  /// Overwrites octets that were already written.
  void overwrite_u16(std::size_t offset, std::uint16_t value) { store<2>(offset, value); }
  void overwrite_u32(std::size_t offset, std::uint32_t value) { store<4>(offset, value); }

  /// Forgets everything after `size` and the overflow that came with it.
  void truncate(std::size_t size) {
    size_ = std::min(size_, size);
    overflowed_ = false;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  [[nodiscard]] std::span<const std::byte> written() const { return buffer_.first(size_); }

 private:
  bool reserve(std::size_t count) {
    if (overflowed_ || count > buffer_.size() - size_) overflowed_ = true;
    return !overflowed_;
  }

  template <std::size_t kSize>
  void put(std::uint64_t value) {
    if (!reserve(kSize)) return;
    size_ += kSize;
    store<kSize>(size_ - kSize, value);
  }

  template <std::size_t kSize>
  void store(std::size_t offset, std::uint64_t value) {
    std::array<std::byte, kSize> octets;  // filled below, octet by octet
    for (std::size_t i = 0; i < kSize; ++i) {
      octets[kSize - 1 - i] = static_cast<std::byte>(value & 0xff);
      value >>= 8;
    }
    std::memcpy(buffer_.data() + offset, octets.data(), kSize);
  }

  std::span<std::byte> buffer_;
  std::size_t size_ = 0;
  bool overflowed_ = false;
};

}  // namespace ctflow
