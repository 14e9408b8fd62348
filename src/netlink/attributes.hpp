// SPDX-License-Identifier: GPL-2.0-or-later
// Bounds-checked reading of netlink messages and attributes (struct nlmsghdr, struct nlattr).
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "ctflow/flow.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {

using Bytes = std::span<const std::byte>;

/// Reads a host-order value such as the fields of a netlink header. The caller checked the length.
template <typename T>
T load_host(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// One attribute; nested and byte-order flags are removed from the type.
struct Attribute {
  std::uint16_t type = 0;
  Bytes payload;
};

/// Reads an attribute that holds one network-order integer. False: too short.
template <typename T>
bool read_integer(const Attribute& attribute, T& value) {
  if (attribute.payload.size() < sizeof(T)) return false;
  value = wire::load<T>(attribute.payload);
  return true;
}

/// Nanoseconds since 1970 as a time. False: beyond the year 2262.
inline bool to_time(std::uint64_t nanoseconds, TimePoint& time) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  if (nanoseconds > kLargest) return false;
  time = TimePoint(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
  return true;
}

/// Reads nanoseconds since 1970 in 64 bits. False: too short, or beyond the year 2262.
inline bool read_time(const Attribute& attribute, TimePoint& time) {
  std::uint64_t nanoseconds = 0;
  return read_integer(attribute, nanoseconds) && to_time(nanoseconds, time);
}

/// Walks a run of attributes: `while (attributes.next(attribute)) …`, then check malformed().
class Attributes {
 public:
  explicit Attributes(Bytes bytes) : rest_(bytes) {}

  /// False at the end and at the first attribute that lies about its length.
  bool next(Attribute& attribute) {
    if (rest_.size() < kHeader) {
      malformed_ = malformed_ || !rest_.empty();
      return false;
    }
    const auto length = load_host<std::uint16_t>(rest_, 0);
    if (length < kHeader || length > rest_.size()) {
      malformed_ = true;
      return false;
    }
    attribute.type = load_host<std::uint16_t>(rest_, 2) & kTypeMask;
    attribute.payload = rest_.subspan(kHeader, length - kHeader);
    const std::size_t aligned = (std::size_t{length} + 3) & ~std::size_t{3};
    rest_ = rest_.subspan(aligned < rest_.size() ? aligned : rest_.size());
    return true;
  }

  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  static constexpr std::size_t kHeader = 4;           // sizeof(struct nlattr)
  static constexpr std::uint16_t kTypeMask = 0x3fff;  // without NLA_F_NESTED, NLA_F_NET_BYTEORDER
  Bytes rest_;
  bool malformed_ = false;
};

/// Walks the netlink messages of one datagram in the same way.
class Messages {
 public:
  explicit Messages(Bytes bytes) : rest_(bytes) {}

  bool next(Bytes& message) {
    if (rest_.size() < kHeader) {
      malformed_ = malformed_ || !rest_.empty();
      return false;
    }
    const auto length = load_host<std::uint32_t>(rest_, 0);
    if (length < kHeader || length > rest_.size()) {
      malformed_ = true;
      return false;
    }
    message = rest_.first(length);
    const std::size_t aligned = (std::size_t{length} + 3) & ~std::size_t{3};
    rest_ = rest_.subspan(aligned < rest_.size() ? aligned : rest_.size());
    return true;
  }

  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  static constexpr std::size_t kHeader = sizeof(nlmsghdr);
  Bytes rest_;
  bool malformed_ = false;
};

}  // namespace ctflow
