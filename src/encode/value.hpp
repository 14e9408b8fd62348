// SPDX-License-Identifier: GPL-2.0-or-later
// Values of Information Elements: as octets of a record, and as typed values for outputs that do
// not encode. Neither allocates.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <variant>

#include "ctflow/flow.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {

/// Abstract data types (RFC 7012 section 3.1), those that are used.
enum class DataType : std::uint8_t {
  kUnsigned8,
  kUnsigned16,
  kUnsigned32,
  kUnsigned64,
  kIpv4Address,
  kIpv6Address,
  kMacAddress,
  kDateTimeMilliseconds,
  kString,
};

/// IANA's name of a type.
constexpr std::string_view name_of(DataType type) {
  constexpr std::array<std::string_view, 9> kNames{
      "unsigned8",   "unsigned16", "unsigned32",           "unsigned64", "ipv4Address",
      "ipv6Address", "macAddress", "dateTimeMilliseconds", "string"};
  return kNames[static_cast<std::size_t>(type)];
}

struct Ipv4Address {
  std::array<std::uint8_t, 4> octets;  ///< network order
  friend bool operator==(const Ipv4Address&, const Ipv4Address&) = default;
};
struct Ipv6Address {
  std::array<std::uint8_t, 16> octets;
  friend bool operator==(const Ipv6Address&, const Ipv6Address&) = default;
};
struct MacAddress {
  std::array<std::uint8_t, 6> octets;
  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};
using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;  ///< never before 1970

/// A value that the message header decides about: written when the message is finished.
struct Deferred {};

/// A string is valid as long as the record that it came from. std::monostate: Deferred.
using Value = std::variant<std::monostate, std::uint64_t, Ipv4Address, Ipv6Address, MacAddress,
                           Milliseconds, std::string_view>;

namespace value_detail {

template <std::size_t kLength>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  using Type = std::uint8_t;
};
template <>
struct UnsignedOf<2> {
  using Type = std::uint16_t;
};
template <>
struct UnsignedOf<4> {
  using Type = std::uint32_t;
};
template <>
struct UnsignedOf<8> {
  using Type = std::uint64_t;
};

// write<kLength>(): the octets of a value in a record, `kLength` of them in network order.

/// A shorter length than that of the type: reduced-size encoding (RFC 7011 section 6.2).
template <std::size_t kLength, std::unsigned_integral T>
void write(std::byte* to, T value) {
  static_assert(kLength <= 8);
  wire::store(to, static_cast<typename UnsignedOf<kLength>::Type>(value));
}
template <std::size_t kLength>
void write(std::byte* to, const IpAddress& address) {
  static_assert(kLength == 4 || kLength == 16);
  std::memcpy(to, address.octets.data(), kLength);
}
template <std::size_t kLength>
void write(std::byte* to, const MacAddress& address) {
  static_assert(kLength == sizeof address.octets);
  std::memcpy(to, address.octets.data(), kLength);
}
template <std::size_t kLength>
void write(std::byte* to, Milliseconds time) {
  static_assert(kLength == 8);
  wire::store(to, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}
/// Padded with zeros, of which there is always one.
template <std::size_t kLength>
void write(std::byte* to, std::string_view text) {
  const std::size_t length = std::min(text.size(), kLength - 1);
  std::memset(to, 0, kLength);
  if (length > 0) std::memcpy(to, text.data(), length);
}
template <std::size_t kLength>
void write(std::byte* to, Deferred /*value*/) {
  std::memset(to, 0, kLength);
}

template <std::size_t kLength, std::unsigned_integral T>
Value to_value(T value) {
  return std::uint64_t{value};
}
template <std::size_t kLength>
Value to_value(const IpAddress& address) {
  if constexpr (kLength == 4) {
    Ipv4Address short_one{};
    std::memcpy(short_one.octets.data(), address.octets.data(), kLength);
    return short_one;
  } else {
    return Ipv6Address{address.octets};
  }
}
template <std::size_t kLength>
Value to_value(const MacAddress& address) {
  return address;
}
template <std::size_t kLength>
Value to_value(Milliseconds time) {
  return time;
}
template <std::size_t kLength>
Value to_value(std::string_view text) {
  return text;
}
template <std::size_t kLength>
Value to_value(Deferred /*value*/) {
  return std::monostate{};
}

}  // namespace value_detail

/// How to get one element's value out of a record.
template <typename Source>
struct Accessor {
  /// False: such records do not have it. The pointers are null then, which cannot be asked at
  /// compile time with g++ and -fsanitize=undefined (gcc bug 71962).
  bool present = false;
  void (*write)(std::byte* to, const Source& source) = nullptr;  ///< as octets of a record
  Value (*value)(const Source& source) = nullptr;
};

namespace value_detail {

template <std::uint16_t kLength, auto kGet>
struct Getter;
template <std::uint16_t kLength, typename T, typename Source, T (*kGet)(const Source&)>
struct Getter<kLength, kGet> {
  static void write(std::byte* to, const Source& source) {
    value_detail::write<kLength>(to, kGet(source));
  }
  static Value value(const Source& source) { return to_value<kLength>(kGet(source)); }
};

}  // namespace value_detail

/// The accessor that a function `T get(const Source&)` makes; of nullptr an empty one.
template <typename Source, std::uint16_t kLength, auto kGet>
constexpr Accessor<Source> make_accessor() {
  if constexpr (std::is_same_v<std::remove_cv_t<decltype(kGet)>, std::nullptr_t>) {
    return {};
  } else {
    using Getter = value_detail::Getter<kLength, kGet>;
    return {true, Getter::write, Getter::value};
  }
}

}  // namespace ctflow
