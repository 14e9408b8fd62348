// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink attributes as the kernel writes them, for tests of what reads them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ctflow::test {

using AttributeBytes = std::vector<std::byte>;

inline void append_host(AttributeBytes& out, std::uint16_t value) {
  std::array<std::byte, sizeof value> octets{};
  std::memcpy(octets.data(), &value, sizeof value);
  for (const std::byte octet : octets) out.push_back(octet);
}

inline AttributeBytes attribute(std::uint16_t type, const AttributeBytes& payload) {
  AttributeBytes out;
  append_host(out, static_cast<std::uint16_t>(payload.size() + 4));
  append_host(out, type);
  for (const std::byte octet : payload) out.push_back(octet);
  while (out.size() % 4 != 0) out.push_back(std::byte{0});
  return out;
}

inline AttributeBytes text_attribute(std::uint16_t type, std::string_view text) {
  AttributeBytes payload;
  for (const char c : text) payload.push_back(static_cast<std::byte>(c));
  payload.push_back(std::byte{0});
  return attribute(type, payload);
}

inline AttributeBytes integer_attribute(std::uint16_t type, std::uint32_t value) {
  AttributeBytes payload;
  for (int shift = 24; shift >= 0; shift -= 8) {
    payload.push_back(static_cast<std::byte>(value >> shift & 0xffU));
  }
  return attribute(type, payload);
}

inline AttributeBytes operator+(AttributeBytes left, const AttributeBytes& right) {
  for (const std::byte octet : right) left.push_back(octet);
  return left;
}

}  // namespace ctflow::test
