// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/measured_extras.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace ctflow {
namespace {

std::uint16_t length_of(std::uint32_t octets) {
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(octets, 65535));
}

DirectionExtras extras_of(const ctflow_direction& seen, std::uint8_t protocol, const Instant& now) {
  DirectionExtras extras;
  if (seen.packets == 0) return extras;
  extras.wire = {seen.packets, seen.octets};
  extras.has_wire = true;
  if (seen.first == 0) return extras;  // only ICMP errors about it
  extras.first = wall_time(seen.first, now);
  extras.last = wall_time(std::max(seen.first, seen.last), now);
  extras.has_times = true;
  extras.has_interfaces = seen.has_iif != 0;
  if (extras.has_interfaces) extras.interfaces.ingress = seen.iif;
  if (extras.has_interfaces && seen.has_oif != 0) extras.interfaces.egress = seen.oif;
  if (protocol == IPPROTO_TCP) extras.tcp_control_bits = seen.tcp_flags;
  extras.class_of_service = seen.tos;
  extras.ttl_min = seen.ttl_min;
  extras.ttl_max = seen.ttl_max;
  extras.length_min = length_of(seen.length_min);
  extras.length_max = length_of(seen.length_max);
  return extras;
}

}  // namespace

TimePoint wall_time(std::uint64_t monotonic, const Instant& now) {
  const std::chrono::nanoseconds since_boot(static_cast<std::int64_t>(monotonic));
  return now.wall + (since_boot - now.steady.time_since_epoch());
}

void set_extras(const ctflow_measured& measured, std::uint8_t protocol, const Instant& now,
                KernelExtras& extras) {
  extras.original = extras_of(measured.direction[0], protocol, now);
  extras.reply = extras_of(measured.direction[1], protocol, now);
  extras.present = true;
  extras.by_present_clock = true;
}

}  // namespace ctflow
