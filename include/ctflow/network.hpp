// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses that begin alike, as the configuration names them.
#pragma once

#include <cstdint>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Addresses that begin alike.
struct Network {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address{};
  std::uint8_t length = 0;  ///< leading bits of the address that count

  friend bool operator==(const Network&, const Network&) = default;
};

}  // namespace ctflow
