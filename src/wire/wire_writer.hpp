// SPDX-License-Identifier: GPL-2.0-or-later
// Big-endian writing into a bounded buffer.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "wire/byte_order.hpp"

namespace ctflow {

/// Appends network-order integers. The first write that does not fit sets overflowed() and it and
/// all later ones write nothing, so one check after a record replaces a check per field.
class WireWriter {
 public:
  WireWriter() = default;
  explicit WireWriter(std::span<std::byte> buffer) : buffer_(buffer) {}

  void u8(std::uint8_t value) { put(value); }
  void u16(std::uint16_t value) { put(value); }
  void u32(std::uint32_t value) { put(value); }
  void u64(std::uint64_t value) { put(value); }

  void octets(std::span<const std::byte> value) {
    std::byte* room = claim(value.size());
    if (room != nullptr && !value.empty()) std::memcpy(room, value.data(), value.size());
  }

  void zeros(std::size_t count) {
    if (std::byte* room = claim(count)) std::memset(room, 0, count);
  }

  /// Appends `count` octets for the caller to fill. Null when they do not fit.
  std::byte* claim(std::size_t count) {
    if (overflowed_ || count > buffer_.size() - size_) {
      overflowed_ = true;
      return nullptr;
    }
    std::byte* room = buffer_.data() + size_;
    size_ += count;
    return room;
  }

  /// The same where the caller knows that they fit.
  std::byte* take(std::size_t count) {
    assert(!overflowed_ && count <= buffer_.size() - size_);
    std::byte* room = buffer_.data() + size_;
    size_ += count;
    return room;
  }

  /// Overwrites octets that were already written.
  void overwrite_u16(std::size_t offset, std::uint16_t value) {
    wire::store(buffer_.data() + offset, value);
  }
  void overwrite_u32(std::size_t offset, std::uint32_t value) {
    wire::store(buffer_.data() + offset, value);
  }

  /// Forgets everything after `size` and the overflow that came with it.
  void truncate(std::size_t size) {
    size_ = std::min(size_, size);
    overflowed_ = false;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets that the buffer holds.
  [[nodiscard]] std::size_t capacity() const { return buffer_.size(); }
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  [[nodiscard]] std::span<const std::byte> written() const { return buffer_.first(size_); }

 private:
  template <typename T>
  void put(T value) {
    if (std::byte* room = claim(sizeof value)) wire::store(room, value);
  }

  std::span<std::byte> buffer_;
  std::size_t size_ = 0;
  bool overflowed_ = false;
};

}  // namespace ctflow
