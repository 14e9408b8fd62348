// SPDX-License-Identifier: GPL-2.0-or-later
// What decides about the records that a collector gets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/protocol.hpp"

namespace ctflow {

/// Which set of templates; docs/elements.md lists them.
enum class LayoutKind : std::uint8_t {
  kDefault,    ///< a record for each direction, by family, translation and ICMP
  kBiflow,     ///< one record for both directions (RFC 5103)
  kNatEvents,  ///< a record when a translation is made or removed (RFC 8158)
  kMinimal,    ///< a record for each direction, by family only
};

struct EncoderOptions {
  std::uint32_t observation_domain = 0;  ///< Observation Domain ID, or Source ID in NetFlow v9
  std::uint32_t exporting_process = 1;   ///< exportingProcessId, unique on this host
  bool zones = false;                    ///< add ingressVRFID and egressVRFID to every record
  /// Additional templates for connections with KernelExtras: class of service, TCP control bits.
  bool extras = false;
  /// With `extras`: minimum and maximum TTL and packet length, too.
  bool packet_properties = false;
  bool next_hop = false;  ///< add next hop and prefix lengths to every record
  LayoutKind layout = LayoutKind::kDefault;
  std::vector<std::string> elements{};  ///< exactly these instead of the layout's, unless empty
  /// Private Enterprise Number of ctflowd's own elements among them; 0: there are none.
  std::uint32_t enterprise_number = 0;

  friend bool operator==(const EncoderOptions&, const EncoderOptions&) = default;
};

}  // namespace ctflow
