// SPDX-License-Identifier: GPL-2.0-or-later
// An address as databases have it, for a person.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace ctflow {

/// Of 4 or 16 octets in network byte order; of any other number: nothing.
inline std::string text_of_address(std::span<const std::uint8_t> octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (octets.size() == 4) inet_ntop(AF_INET, octets.data(), text.data(), text.size());
  if (octets.size() == 16) inet_ntop(AF_INET6, octets.data(), text.data(), text.size());
  return text.data();
}

}  // namespace ctflow
