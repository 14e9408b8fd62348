// SPDX-License-Identifier: GPL-2.0-or-later
// Network-order integers out of octets whose length the caller has checked.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>

#include "wire/wire_writer.hpp"

namespace ctflow::octets {

/// The integer at `offset`; `offset + sizeof(T)` must not exceed the size.
template <typename T>
T load(std::span<const std::byte> from, std::size_t offset) {
  T value = 0;
  std::memcpy(&value, from.data() + offset, sizeof value);
  if constexpr (std::endian::native == std::endian::little) value = wire::swap(value);
  return value;
}

}  // namespace ctflow::octets
