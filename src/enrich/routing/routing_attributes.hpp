// SPDX-License-Identifier: GPL-2.0-or-later
// Readers of the parts that rtnetlink messages have in common. Included by the files that decode
// them; the lengths of `Bytes` are checked here unless said otherwise.
#pragma once

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "enrich/routing/routing_message.hpp"
#include "hash/fnv1a.hpp"
#include "hash/mix.hpp"
#include "netlink/attributes.hpp"

namespace ctflow::rtnetlink {

inline std::uint8_t octet(Bytes bytes, std::size_t offset) {
  return std::to_integer<std::uint8_t>(bytes[offset]);
}

/// What follows the netlink header and a fixed header of `length` octets. False: too short.
inline bool split(Bytes message, std::size_t length, Bytes& fixed, Bytes& attributes) {
  const std::size_t aligned = sizeof(nlmsghdr) + NLMSG_ALIGN(length);
  if (message.size() < sizeof(nlmsghdr) + length) return false;
  fixed = message.subspan(sizeof(nlmsghdr), length);
  attributes = message.subspan(std::min(aligned, message.size()));
  return true;
}

inline std::uint16_t flags_of(Bytes message) {
  return load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_flags));
}

/// Reads an attribute in host order. False: not of that size.
template <typename T>
bool read(const Attribute& attribute, T& value) {
  if (attribute.payload.size() < sizeof(T)) return false;
  value = load_host<T>(attribute.payload, 0);
  return true;
}

inline AddressFamily family_of(std::uint8_t family) {
  if (family == AF_INET) return AddressFamily::kIpv4;
  return family == AF_INET6 ? AddressFamily::kIpv6 : AddressFamily::kNone;
}

inline std::size_t octets_of(AddressFamily family) {
  return family == AddressFamily::kIpv4 ? 4 : 16;
}

inline bool read_address(Bytes payload, AddressFamily family, IpAddress& address) {
  if (payload.size() != octets_of(family)) return false;
  address = {};
  for (std::size_t i = 0; i < payload.size(); ++i) address.octets[i] = octet(payload, i);
  return true;
}

inline bool read_prefix(const Attribute& attribute, AddressFamily family, Prefix& prefix) {
  IpAddress address;
  if (!read_address(attribute.payload, family, address)) return false;
  prefix.key = PrefixKey::of(address).first(prefix.length);
  return true;
}

inline bool read_name(const Attribute& attribute, InterfaceName& name) {
  name = {};
  const Bytes text = attribute.payload;
  if (text.empty() || text.size() > name.size()) return false;
  for (std::size_t i = 0; i < text.size() && text[i] != std::byte{0}; ++i) {
    if (i + 1 == name.size()) return false;  // there must be room for the zero
    name[i] = static_cast<char>(text[i]);
  }
  return name[0] != '\0';
}

/// Which of two objects that look alike this is: everything that the kernel compares and that is
/// not decoded goes in, so that the removal of one cannot be taken for that of another (FNV-1a).
class Fingerprint {
 public:
  void add(Bytes bytes) { value_ = fnv1a(bytes, value_); }
  void add(std::uint64_t number) {
    value_ = (value_ ^ number) * kGolden;
    value_ ^= value_ >> 29;
  }
  void add(const Attribute& attribute) {
    add(attribute.type);
    add(attribute.payload);
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = kFnvStart<std::uint64_t>;
};

}  // namespace ctflow::rtnetlink
