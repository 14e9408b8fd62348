// SPDX-License-Identifier: GPL-2.0-or-later
// What every stage of the path hands to the next: one flow report, or a beginning (FlowEvent).
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace ctflow {

/// Wall-clock time, nanosecond resolution (UTC, as the kernel's CTA_TIMESTAMP_*).
using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class AddressFamily : std::uint8_t { kNone, kIpv4, kIpv6 };

/// An IP address in network byte order. IPv4 uses the first four octets, the rest are zero.
struct IpAddress {
  std::array<std::uint8_t, 16> octets{};

  // By words: g++ calls memcmp() for the octets.
  friend bool operator==(const IpAddress& one, const IpAddress& other) {
    using Words = std::array<std::uint64_t, 2>;
    return std::bit_cast<Words>(one) == std::bit_cast<Words>(other);
  }
};

/// One direction of a connection as the kernel identifies it (struct nf_conntrack_tuple).
struct Tuple {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;       ///< host byte order; for GRE the key, 0 where there is none
  std::uint16_t destination_port = 0;  ///< host byte order
  std::uint16_t icmp_id = 0;           ///< host byte order; ICMP and ICMPv6 only
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t protocol = 0;  ///< IANA protocol number
  std::uint16_t zone = 0;     ///< conntrack zone that applies to this direction, 0 = default

  friend bool operator==(const Tuple&, const Tuple&) = default;
};

/// Layer-3 packets and octets (IP header included), as conntrack accounts them.
struct Counters {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;

  friend bool operator==(const Counters&, const Counters&) = default;
};

/// IANA flowEndReason (element 136).
enum class EndReason : std::uint8_t {
  kIdleTimeout = 1,
  kActiveTimeout = 2,
  kEndOfFlow = 3,
  kForcedEnd = 4,
  kLackOfResources = 5,
};

/// What happened to the connection of a Flow.
enum class FlowEvent : std::uint8_t {
  kEnded,        ///< it was removed: the counters are what is new since the previous report
  kReported,     ///< it exists: the counters are what is new since the previous report
  kCreated,      ///< it has just begun: there are no counters
  kEndedBefore,  ///< it was removed, and all it counted had been reported
};

/// Bits of Flow::status that matter here (enum ip_conntrack_status, IPS_*).
namespace status {
inline constexpr std::uint32_t kSeenReply = 1U << 1;
inline constexpr std::uint32_t kAssured = 1U << 2;
inline constexpr std::uint32_t kSourceNat = 1U << 4;
inline constexpr std::uint32_t kDestinationNat = 1U << 5;
/// Its first packet came at the same time as another one with the same addresses and ports, and was
/// translated to a different address: the kernel has another connection with this original tuple.
inline constexpr std::uint32_t kNatClash = 1U << 12;
inline constexpr std::uint32_t kOffloaded = 1U << 14 | 1U << 15;  ///< to a flowtable
}  // namespace status

/// Where the packets of one direction came in and went out, by ifIndex; 0 = unknown, or this host.
struct Interfaces {
  std::uint32_t ingress = 0;
  std::uint32_t egress = 0;

  friend bool operator==(const Interfaces&, const Interfaces&) = default;
};

/// What the routing tables say of the packets of one direction.
struct Routing {
  IpAddress next_hop;  ///< gateway towards the destination; zeros: on-link, this host, or unknown
  std::uint32_t ingress_vrf = 0;  ///< routing table of the VRF they came in through, 0 = none
  std::uint32_t egress_vrf = 0;   ///< … and of the one they left through
  std::uint8_t source_prefix_length = 0;       ///< of the route back to the source, 0 = unknown
  std::uint8_t destination_prefix_length = 0;  ///< of the route to the destination, 0 = unknown

  friend bool operator==(const Routing&, const Routing&) = default;
};

/// What databases of networks say of one end. All zero: nothing is known, or nothing was asked.
struct NetworkOrigin {
  std::uint32_t as_number = 0;    ///< of the Autonomous System that announces the network
  std::array<char, 2> country{};  ///< ISO 3166-1 alpha-2, in capital letters

  friend bool operator==(const NetworkOrigin&, const NetworkOrigin&) = default;
};

/// What is measured in one direction, with the meaning of kernel-patches/nf_conntrack_flow.h.
struct DirectionExtras {
  TimePoint first{};  ///< first and last packet; resolution one kernel tick
  TimePoint last{};
  Counters wire;    ///< every packet as it was on the wire
  Counters beside;  ///< if `continued`: what of `wire` conntrack does not count
  Interfaces interfaces;
  std::uint16_t tcp_control_bits = 0;  ///< union over all segments (RFC 7125)
  std::uint16_t length_min = 0;        ///< octets of the IP packet, 65535 = that or more
  std::uint16_t length_max = 0;
  std::uint8_t class_of_service = 0;  ///< IPv4 ToS or IPv6 traffic class of the first packet
  std::uint8_t ttl_min = 0;
  std::uint8_t ttl_max = 0;
  bool has_times : 1 = false;  ///< a packet of the connection itself was seen
  bool has_wire : 1 = false;
  bool has_interfaces : 1 = false;
  /// `wire` goes on by conntrack's counters, which other programs can set to zero.
  bool continued : 1 = false;

  friend bool operator==(const DirectionExtras&, const DirectionExtras&) = default;
};

/// What was measured of a connection beside conntrack: present if that was so when it began.
struct KernelExtras {
  DirectionExtras original;
  DirectionExtras reply;
  std::uint8_t reason = 0;  ///< enum nf_ct_flow_reason, 0 = unknown
  bool present = false;
  /// The times are in terms of the wall clock as it is now; else as it was when they were stamped.
  bool by_present_clock = false;

  friend bool operator==(const KernelExtras&, const KernelExtras&) = default;
};

/// Which optional parts of a connection the kernel reported.
struct Presence {
  bool counters : 1 = false;  ///< CTA_COUNTERS_ORIG: accounting was on when the entry was made
  bool start : 1 = false;     ///< CTA_TIMESTAMP_START
  bool stop : 1 = false;      ///< CTA_TIMESTAMP_STOP
  bool timeout : 1 = false;   ///< CTA_TIMEOUT: the entry was removed before it expired
  bool state : 1 = false;     ///< CTA_PROTOINFO: the protocol tracker's state
  /// Not there: CTA_PROTO_SRC_PORT. So it is of ICMP, and of what this kernel has no tracker for.
  bool no_ports : 1 = false;

  friend bool operator==(const Presence&, const Presence&) = default;
};

/// What reports of a connection had before this one. All zero: nothing is remembered of earlier
/// ones, as at an end that is the only report. The first of a connection that goes on has zero
/// counters, too, but the start, which is that of the report as well. Zero counters and a report
/// that starts later: the connection's counters were set to zero after an earlier report.
struct EarlierReports {
  Counters original_counters;
  Counters reply_counters;
  /// Of the connection, or zero. Flow::start is then the end of the previous report, if there was
  /// one.
  TimePoint start{};

  friend bool operator==(const EarlierReports&, const EarlierReports&) = default;
};

/// What is reported of one connection at one moment. A passive value of fixed size: copying it
/// never allocates.
struct Flow {
  Tuple original;  ///< as the initiator sent it
  /// As the responder answers. Differs from the reversed original under NAT.
  Tuple reply;
  Counters original_counters;
  Counters reply_counters;
  TimePoint start{};  ///< creation of the connection, nanoseconds
  /// Last packet, as well as it is known. Decoding leaves the kernel's stop time here; the end-time
  /// stage corrects it. Never before `start`, never after `event_time` once that stage has run.
  TimePoint end{};
  TimePoint event_time{};     ///< when the event was read from the kernel
  std::uint32_t id = 0;       ///< CTA_ID: stable for the life of the entry
  std::uint32_t status = 0;   ///< IPS_* bits
  std::uint32_t mark = 0;     ///< CTA_MARK
  std::uint32_t timeout = 0;  ///< CTA_TIMEOUT: seconds that were left, if present
  std::uint32_t port_id = 0;  ///< netlink port that asked for the removal, 0 = the kernel itself
  Interfaces original_interfaces;
  Interfaces reply_interfaces;
  Routing original_routing;
  Routing reply_routing;
  NetworkOrigin initiator_origin;
  NetworkOrigin responder_origin;
  /// MAC addresses of both ends where they are on a link of this host: 48 bits, the first octet
  /// highest. 0: unknown, or nothing was asked.
  std::uint64_t initiator_mac = 0;
  std::uint64_t responder_mac = 0;
  /// Name of the user whose connection it is; empty: unknown, or nothing was asked. Valid while the
  /// flow report is handed through the path, not longer.
  std::string_view user{};
  std::uint16_t zone = 0;  ///< CTA_ZONE: the zone of both directions
  std::uint8_t state = 0;  ///< TCP, SCTP or DCCP tracker state, by the protocol's own enum
  FlowEvent event = FlowEvent::kEnded;
  EndReason end_reason = EndReason::kIdleTimeout;
  Presence present;
  EarlierReports earlier;
  /// Of an end, for NAT events: when the entry was removed or, if that was sooner, expired, from
  /// when on its ports are free. Zero: not known, `event_time` says about when.
  TimePoint removed{};
  KernelExtras extras;
};

static_assert(std::is_trivially_copyable_v<Flow>);

/// When the connection began or ended, as a NAT event says it.
constexpr TimePoint happened_at(const Flow& flow) {
  return flow.removed == TimePoint{} ? flow.event_time : flow.removed;
}

/// True when source or destination was translated (IPS_SRC_NAT, IPS_DST_NAT).
constexpr bool translated(const Flow& flow) {
  return (flow.status & (status::kSourceNat | status::kDestinationNat)) != 0;
}

}  // namespace ctflow
