// SPDX-License-Identifier: GPL-2.0-or-later
// Named connections, one per kind of record, for the golden messages in tests/golden.
//
// No value repeats an octet pattern of its neighbours and counters exceed 32 bits, so that a
// swapped, shifted or truncated octet shows. Documentation addresses only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>

#include "ctflow/flow.hpp"

namespace ctflow::test {

inline constexpr TimePoint at_ns(std::int64_t nanoseconds) {
  return TimePoint(std::chrono::nanoseconds(nanoseconds));
}
inline constexpr TimePoint at_ms(std::int64_t milliseconds) {
  return TimePoint(std::chrono::milliseconds(milliseconds));
}

inline constexpr std::uint32_t kSampleDomain = 0xD1D2D3D4;
/// One nanosecond past a full second: the header says 1700000071.
inline constexpr TimePoint kSampleNow = at_ns(1'700'000'070'000'000'001);
/// 10070.75 s before that.
inline constexpr TimePoint kSampleBoot = at_ms(1'699'990'000'250);
/// Both have a fraction of a millisecond, which is cut off.
inline constexpr TimePoint kSampleStart = at_ns(1'700'000'000'123'456'789);
inline constexpr TimePoint kSampleEnd = at_ns(1'700'000'065'535'999'999);

inline IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.octets = {a, b, c, d};
  return address;
}

/// From the eight groups of the usual notation.
inline IpAddress ipv6(std::initializer_list<std::uint16_t> groups) {
  IpAddress address;
  std::size_t at = 0;
  for (const std::uint16_t group : groups) {
    address.octets.at(at++) = static_cast<std::uint8_t>(group >> 8);
    address.octets.at(at++) = static_cast<std::uint8_t>(group & 0xFF);
  }
  return address;
}

inline Tuple tuple_of(AddressFamily family, std::uint8_t protocol, IpAddress source,
                      IpAddress destination, std::uint16_t source_port = 0,
                      std::uint16_t destination_port = 0) {
  Tuple tuple;
  tuple.family = family;
  tuple.protocol = protocol;
  tuple.source = source;
  tuple.destination = destination;
  tuple.source_port = source_port;
  tuple.destination_port = destination_port;
  return tuple;
}

inline Tuple icmp_of(Tuple tuple, std::uint8_t type, std::uint8_t code, std::uint16_t id) {
  tuple.icmp_type = type;
  tuple.icmp_code = code;
  tuple.icmp_id = id;
  return tuple;
}

inline Flow flow_of(Tuple original, Tuple reply, Counters original_counters,
                    Counters reply_counters) {
  Flow flow;
  flow.original = original;
  flow.reply = reply;
  flow.original_counters = original_counters;
  flow.reply_counters = reply_counters;
  flow.start = kSampleStart;
  flow.end = kSampleEnd;
  flow.event_time = kSampleEnd;
  flow.present = {.counters = true, .start = true, .stop = true, .timeout = false, .state = false};
  flow.status = status::kAssured | (reply_counters.packets > 0 ? status::kSeenReply : 0U);
  return flow;
}

/// What the records say besides tuple and counters.
inline Flow with(Flow flow, std::uint32_t id, EndReason reason, std::uint32_t ingress,
                 std::uint32_t egress, std::uint16_t original_zone, std::uint16_t reply_zone) {
  flow.id = id;
  flow.end_reason = reason;
  flow.original_interfaces = {ingress, egress};
  flow.reply_interfaces = {egress, ingress};
  flow.original.zone = original_zone;
  flow.reply.zone = reply_zone;
  return flow;
}

inline Flow translated_by(Flow flow, std::uint32_t bits) {
  flow.status |= bits;
  return flow;
}

namespace sample {

inline constexpr auto k4 = AddressFamily::kIpv4;
inline constexpr auto k6 = AddressFamily::kIpv6;

inline Flow tcp() {
  const IpAddress client = ipv4(192, 0, 2, 17);
  const IpAddress server = ipv4(198, 51, 100, 34);
  return with(
      flow_of(tuple_of(k4, 6, client, server, 0xC0DE, 443),
              tuple_of(k4, 6, server, client, 443, 0xC0DE),
              {0x0000000102030405, 0x0000060708090A0B}, {0x0000001112131415, 0x0016171819201C1D}),
      0xA1B2C3D4, EndReason::kEndOfFlow, 0x21222324, 0x31323334, 0x4142, 0x5152);
}

inline Flow snat() {
  const IpAddress server = ipv4(203, 0, 113, 80);
  return translated_by(with(flow_of(tuple_of(k4, 6, ipv4(10, 1, 2, 3), server, 0xCAFE, 8080),
                                    tuple_of(k4, 6, server, ipv4(192, 0, 2, 254), 8080, 0xF00D),
                                    {0x0000000212131415, 0x0000171819001A1B},
                                    {0x0000000322232425, 0x0000272829002A2B}),
                            0x01020304, EndReason::kEndOfFlow, 7, 0x00010002, 0x0102, 0),
                       status::kSourceNat);
}

/// Nothing came back: one record only.
inline Flow snat_silent() {
  const IpAddress server = ipv4(203, 0, 113, 53);
  return translated_by(
      with(flow_of(tuple_of(k4, 17, ipv4(10, 1, 2, 4), server, 0xBEEF, 53),
                   tuple_of(k4, 17, server, ipv4(192, 0, 2, 254), 53, 0xD00F), {1, 73}, {0, 0}),
           0x01020305, EndReason::kIdleTimeout, 7, 0x00010002, 0x0102, 0),
      status::kSourceNat);
}

inline Flow dnat() {
  const IpAddress client = ipv4(198, 51, 100, 200);
  return translated_by(with(flow_of(tuple_of(k4, 6, client, ipv4(192, 0, 2, 254), 0xABCD, 80),
                                    tuple_of(k4, 6, ipv4(10, 9, 8, 7), client, 8081, 0xABCD),
                                    {0x0000000233343536, 0x0000373839003A3B},
                                    {0x0000000343444546, 0x0000474849004A4B}),
                            0x05060708, EndReason::kEndOfFlow, 3, 4, 0, 0x0102),
                       status::kDestinationNat);
}

/// The codes, which a real echo leaves at 0, show that the code is taken from the right tuple.
inline Flow icmp() {
  const IpAddress client = ipv4(192, 0, 2, 18);
  const IpAddress server = ipv4(198, 51, 100, 35);
  return with(
      flow_of(icmp_of(tuple_of(k4, 1, client, server), 8, 3, 0x7172),
              icmp_of(tuple_of(k4, 1, server, client), 0, 5, 0x7172),
              {0x0000000431323334, 0x0000363738003A3B}, {0x0000000541424344, 0x0000464748004A4B}),
      0xB1B2B3B4, EndReason::kIdleTimeout, 0x0102, 0x0304, 1, 2);
}

inline Flow icmp_nat() {
  const IpAddress server = ipv4(203, 0, 113, 81);
  return translated_by(
      with(flow_of(icmp_of(tuple_of(k4, 1, ipv4(10, 1, 2, 5), server), 8, 3, 0x7374),
                   icmp_of(tuple_of(k4, 1, server, ipv4(192, 0, 2, 253)), 0, 5, 0x7576),
                   {0x0000000651525354, 0x0000565758005A5B},
                   {0x0000000761626364, 0x0000666768006A6B}),
           0xC1C2C3C4, EndReason::kIdleTimeout, 0x0506, 0x0708, 3, 4),
      status::kSourceNat);
}

inline Flow udp6() {
  const IpAddress client = ipv6({0x2001, 0xdb8, 1, 0x203, 0x405, 0x607, 0x809, 0xa0b});
  const IpAddress server = ipv6({0x2001, 0xdb8, 2, 0x1213, 0x1415, 0x1617, 0x1819, 0x1a1b});
  return with(
      flow_of(tuple_of(k6, 17, client, server, 0xD1D2, 53),
              tuple_of(k6, 17, server, client, 53, 0xD1D2),
              {0x0000000871727374, 0x0000767778007A7B}, {0x0000000981828384, 0x0000868788008A8B}),
      0xD1D2D3D5, EndReason::kIdleTimeout, 0x090A, 0x0B0C, 5, 6);
}

inline Flow nat66() {
  const IpAddress inside = ipv6({0xfd00, 1, 2, 3, 0x405, 0x607, 0x809, 0xa0b});
  const IpAddress server = ipv6({0x2001, 0xdb8, 3, 0x1213, 0x1415, 0x1617, 0x1819, 0x1a1b});
  const IpAddress outside = ipv6({0x2001, 0xdb8, 0xff, 0x3132, 0x3334, 0x3536, 0x3738, 0x393a});
  return translated_by(with(flow_of(tuple_of(k6, 6, inside, server, 0xE1E2, 443),
                                    tuple_of(k6, 6, server, outside, 443, 0xE3E4),
                                    {0x0000000A91929394, 0x0000969798009A9B},
                                    {0x0000000BA1A2A3A4, 0x0000A6A7A800AAAB}),
                            0xE1E2E3E4, EndReason::kEndOfFlow, 0x0D0E, 0x0F10, 7, 8),
                       status::kSourceNat);
}

inline Flow nat64() {
  const IpAddress client = ipv6({0x2001, 0xdb8, 4, 0x203, 0x405, 0x607, 0x809, 0xa0b});
  const IpAddress server = ipv6({0x64, 0xff9b, 0, 0, 0, 0, 0xc633, 0x6424});
  return translated_by(
      with(flow_of(tuple_of(k6, 6, client, server, 0xE5E6, 80),
                   tuple_of(k4, 6, ipv4(198, 51, 100, 36), ipv4(192, 0, 2, 252), 80, 0xE7E8),
                   {0x0000000CB1B2B3B4, 0x0000B6B7B800BABB},
                   {0x0000000DC1C2C3C4, 0x0000C6C7C800CACB}),
           0xE5E6E7E8, EndReason::kForcedEnd, 0x1112, 0x1314, 9, 10),
      status::kSourceNat | status::kDestinationNat);
}

inline Flow icmpv6() {
  const IpAddress client = ipv6({0x2001, 0xdb8, 5, 0x203, 0x405, 0x607, 0x809, 0xa0b});
  const IpAddress server = ipv6({0x2001, 0xdb8, 6, 0x1213, 0x1415, 0x1617, 0x1819, 0x1a1b});
  return with(
      flow_of(icmp_of(tuple_of(k6, 58, client, server), 128, 3, 0x7778),
              icmp_of(tuple_of(k6, 58, server, client), 129, 5, 0x7778),
              {0x0000000ED1D2D3D4, 0x0000D6D7D800DADB}, {0x0000000FE1E2E3E4, 0x0000E6E7E800EAEB}),
      0xF1F2F3F4, EndReason::kIdleTimeout, 0x1516, 0x1718, 11, 12);
}

inline Flow icmpv6_nat66() {
  const IpAddress inside = ipv6({0xfd00, 1, 2, 4, 0x405, 0x607, 0x809, 0xa0b});
  const IpAddress server = ipv6({0x2001, 0xdb8, 7, 0x1213, 0x1415, 0x1617, 0x1819, 0x1a1b});
  const IpAddress outside = ipv6({0x2001, 0xdb8, 0xfe, 0x3132, 0x3334, 0x3536, 0x3738, 0x393a});
  return translated_by(with(flow_of(icmp_of(tuple_of(k6, 58, inside, server), 128, 3, 0x797A),
                                    icmp_of(tuple_of(k6, 58, server, outside), 129, 5, 0x7B7C),
                                    {0x00000010F1F2F3F4, 0x0000F6F7F800FAFB},
                                    {0x0000001101020304, 0x0000060708110A0B}),
                            0xF5F6F7F8, EndReason::kIdleTimeout, 0x191A, 0x1B1C, 13, 14),
                       status::kSourceNat);
}

/// Without a reply: no rule says yet whether an ICMPv4 reply type belongs into an IPv6 record.
inline Flow icmpv6_nat64() {
  const IpAddress client = ipv6({0x2001, 0xdb8, 8, 0x203, 0x405, 0x607, 0x809, 0xa0b});
  const IpAddress server = ipv6({0x64, 0xff9b, 0, 0, 0, 0, 0xc633, 0x6425});
  return translated_by(
      with(flow_of(
               icmp_of(tuple_of(k6, 58, client, server), 128, 3, 0x7D7E),
               icmp_of(tuple_of(k4, 1, ipv4(198, 51, 100, 37), ipv4(192, 0, 2, 251)), 0, 5, 0x7F80),
               {0x0000001211121314, 0x0000161718121A1B}, {0, 0}),
           0xF9FAFBFC, EndReason::kIdleTimeout, 0x1D1E, 0x1F20, 15, 16),
      status::kSourceNat | status::kDestinationNat);
}

}  // namespace sample
}  // namespace ctflow::test
