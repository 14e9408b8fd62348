// SPDX-License-Identifier: GPL-2.0-or-later
// A network as it is compared with many addresses.
#pragma once

#include <array>
#include <cstdint>

#include "ctflow/flow.hpp"
#include "ctflow/network.hpp"

namespace ctflow {

/// Two masked halves of an address, in the order of the octets.
class AddressPrefix {
 public:
  explicit AddressPrefix(const Network& network);

  /// `address` is one of `tuple`.
  [[nodiscard]] bool contains(const Tuple& tuple, const IpAddress& address) const;

 private:
  AddressFamily family_;
  std::array<std::uint64_t, 2> value_;
  std::array<std::uint64_t, 2> mask_;
};

}  // namespace ctflow
