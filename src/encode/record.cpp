// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/record.hpp"

#include <array>

namespace ctflow {

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
