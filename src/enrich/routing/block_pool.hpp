// SPDX-License-Identifier: GPL-2.0-or-later
// Small arrays of changing length in one vector, addressed by 32-bit offsets.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

namespace ctflow {

/// Blocks of 1 to kLargest elements. Lengths are rounded up to a class (four for each power of
/// two, so at most a quarter is unused), and each class keeps what was released for the next who
/// asks: nothing is ever compacted. allocate(), insert() and erase() move all blocks in memory,
/// never in offset; where there is no memory they throw std::bad_alloc, and nothing has changed.
template <typename T, std::uint32_t kLargest>
class BlockPool {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) >= sizeof(std::uint32_t));

 public:
  BlockPool() { free_.fill(kNone); }

  [[nodiscard]] T* at(std::uint32_t offset) { return storage_.data() + offset; }
  [[nodiscard]] const T* at(std::uint32_t offset) const { return storage_.data() + offset; }

  /// Room for `count` elements, whose content is anything.
  std::uint32_t allocate(std::uint32_t count) {
    const std::size_t kind = class_of(count);
    if (free_[kind] != kNone) {
      const std::uint32_t offset = free_[kind];
      std::memcpy(&free_[kind], &storage_[offset], sizeof(std::uint32_t));
      return offset;
    }
    const std::size_t size = storage_.size();
    const std::size_t needed = size + capacity_of(kind);
    if (needed >= kNone) throw std::bad_alloc();
    if (needed > storage_.capacity()) storage_.reserve(needed + needed / 4);
    storage_.resize(needed);
    return static_cast<std::uint32_t>(size);
  }

  /// Gives a block of `count` elements back.
  void release(std::uint32_t offset, std::uint32_t count) {
    if (count == 0) return;
    const std::size_t kind = class_of(count);
    std::memcpy(static_cast<void*>(&storage_[offset]), &free_[kind], sizeof(std::uint32_t));
    free_[kind] = offset;
  }

  /// Makes room for a further element at `position` of a block of `count`. Returns the block's new
  /// offset; the new element's content is anything.
  std::uint32_t insert(std::uint32_t offset, std::uint32_t count, std::uint32_t position) {
    if (count > 0 && class_of(count) == class_of(count + 1)) {
      T* block = at(offset);
      std::copy_backward(block + position, block + count, block + count + 1);
      return offset;
    }
    const std::uint32_t moved = allocate(count + 1);
    if (count > 0) {
      std::copy_n(at(offset), position, at(moved));
      std::copy_n(at(offset) + position, count - position, at(moved) + position + 1);
      release(offset, count);
    }
    return moved;
  }

  /// Removes the element at `position` of a block of `count`. Returns the block's new offset.
  std::uint32_t erase(std::uint32_t offset, std::uint32_t count, std::uint32_t position) {
    if (count == 1) {
      release(offset, count);
      return 0;
    }
    if (class_of(count) == class_of(count - 1)) {
      T* block = at(offset);
      std::copy(block + position + 1, block + count, block + position);
      return offset;
    }
    const std::uint32_t moved = allocate(count - 1);
    std::copy_n(at(offset), position, at(moved));
    std::copy_n(at(offset) + position + 1, count - 1 - position, at(moved) + position);
    release(offset, count);
    return moved;
  }

  /// Octets taken from the system.
  [[nodiscard]] std::size_t memory() const { return storage_.capacity() * sizeof(T); }

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  /// 1, 2, 3, 4, then 5, 6, 7, 8, then 10, 12, 14, 16, …
  static constexpr std::size_t class_of(std::uint32_t count) {
    if (count <= 4) return count == 0 ? 0 : count - 1;
    const auto exponent = static_cast<std::uint32_t>(std::bit_width(count - 1)) - 1;  // from 2
    const std::uint32_t quarter = (count - 1) >> (exponent - 2);                      // 4 to 7
    return 4 * (exponent - 1) + (quarter - 4);
  }
  static constexpr std::uint32_t capacity_of(std::size_t kind) {
    if (kind < 4) return static_cast<std::uint32_t>(kind) + 1;
    const std::size_t exponent = kind / 4 + 1;
    return static_cast<std::uint32_t>((kind % 4 + 5) << (exponent - 2));
  }
  static constexpr std::size_t kClasses = class_of(kLargest) + 1;

  std::vector<T> storage_;
  std::array<std::uint32_t, kClasses> free_;
};

}  // namespace ctflow
