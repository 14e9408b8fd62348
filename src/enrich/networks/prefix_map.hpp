// SPDX-License-Identifier: GPL-2.0-or-later
// Networks to numbers, by the longest prefix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "ctflow/network.hpp"

namespace ctflow {

class PrefixMap {
 public:
  /// `value`: not 0. A network that is there already gets the new value.
  void add(const Network& network, std::uint16_t value);
  /// The same of many, in their order, with zeros behind their prefixes: adding them one by one
  /// would take the square of the time.
  void add(std::vector<std::pair<Network, std::uint16_t>> networks);

  struct Found {
    std::uint16_t value = 0;  ///< 0: the address is in no network
    std::uint8_t length = 0;  ///< of the network's prefix
  };
  [[nodiscard]] Found longest(AddressFamily family, const IpAddress& address) const;

  /// Its value. 0: in none.
  [[nodiscard]] std::uint16_t find(AddressFamily family, const IpAddress& address) const {
    return longest(family, address).value;
  }

 private:
  using Bits = std::pair<std::uint64_t, std::uint64_t>;  ///< of an address, the first one highest

  struct Entry {
    Bits network;
    std::uint16_t value = 0;
  };
  /// Networks of one length, sorted.
  struct Length {
    std::uint8_t length = 0;
    Bits mask;
    std::vector<Entry> entries{};
  };

  static Bits bits_of(const IpAddress& address);

  [[nodiscard]] static std::size_t index_of(AddressFamily family) {
    return family == AddressFamily::kIpv4 ? 0 : 1;
  }

  std::array<std::vector<Length>, 2> families_;  ///< the longest first
};

}  // namespace ctflow
