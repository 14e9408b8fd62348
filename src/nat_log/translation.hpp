// SPDX-License-Identifier: GPL-2.0-or-later
// What was translated to what: one row of the log without its times.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ctflow/flow.hpp"

namespace ctflow::nat {

/// One end of a connection. ICMP has its identifier for a port, protocols without ports have 0.
struct End {
  IpAddress address;
  std::uint16_t port = 0;
};

/// Source NAT: `inside` sent the first packet, and `public_end` is what `remote` sees of it.
/// Destination NAT: `remote` sent the first packet to `public_end`, and `inside` got it.
struct Translation {
  End inside;
  End public_end;
  End remote;
  std::uint32_t id = 0;  ///< Flow::id
  std::uint16_t zone = 0;
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t protocol = 0;
  bool destination_nat = false;
};

/// Writes those of a connection to `to`, and returns how many: both where source and destination
/// are translated.
std::size_t translations_of(const Flow& flow, std::array<Translation, 2>& to);

/// By which a translation is found again, for as long as its connection exists. Made of what a row
/// keeps for good.
std::uint64_t key_of(const Translation& translation);

/// The octets of an address that count.
inline std::span<const std::uint8_t> octets_of(AddressFamily family, const IpAddress& address) {
  return std::span(address.octets).first(family == AddressFamily::kIpv4 ? 4 : 16);
}

}  // namespace ctflow::nat
