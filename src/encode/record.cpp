// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/record.hpp"

#include <array>

namespace ctflow {

RecordKind record_kind(const Record& record) {
  constexpr std::uint8_t kProtocolIcmp = 1;
  constexpr std::uint8_t kProtocolIcmpv6 = 58;
  const Tuple& original = record.flow.original;
  const bool nat = record.initiator && translated(record.flow);
  if (original.family == AddressFamily::kIpv4) {
    if (original.protocol == kProtocolIcmp) {
      return nat ? RecordKind::kIpv4IcmpNat : RecordKind::kIpv4Icmp;
    }
    return nat ? RecordKind::kIpv4Nat : RecordKind::kIpv4;
  }
  const bool nat64 = record.flow.reply.family == AddressFamily::kIpv4;
  if (original.protocol == kProtocolIcmpv6) {
    if (!nat) return RecordKind::kIpv6Icmp;
    return nat64 ? RecordKind::kIcmpNat64 : RecordKind::kIpv6IcmpNat;
  }
  if (!nat) return RecordKind::kIpv6;
  return nat64 ? RecordKind::kNat64 : RecordKind::kIpv6Nat;
}

std::string_view name_of(RecordKind kind) {
  constexpr std::array<std::string_view, kRecordKinds> kNames{"IPv4",
                                                              "translated IPv4",
                                                              "ICMP",
                                                              "translated ICMP",
                                                              "IPv6",
                                                              "translated IPv6",
                                                              "IPv6 translated to IPv4",
                                                              "ICMPv6",
                                                              "translated ICMPv6",
                                                              "ICMPv6 translated to IPv4"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace ctflow
