// SPDX-License-Identifier: GPL-2.0-or-later
// Fields that the templates of several layouts have in common.
#pragma once

#include "encode/element_table.hpp"

namespace ctflow::field_lists {

inline constexpr auto kIpv4Ends = fields("sourceIPv4Address", "destinationIPv4Address");
inline constexpr auto kIpv6Ends = fields("sourceIPv6Address", "destinationIPv6Address");
inline constexpr auto kCounts = fields("octetDeltaCount", "packetDeltaCount");
inline constexpr auto kIpfixTimes = fields("flowStartMilliseconds", "flowEndMilliseconds");
inline constexpr auto kNetflow9Times = fields("flowStartSysUpTime", "flowEndSysUpTime");
inline constexpr auto kZones = fields("ingressVRFID", "egressVRFID");

}  // namespace ctflow::field_lists
