// SPDX-License-Identifier: GPL-2.0-or-later
// One connection as a line of JSON.
#pragma once

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include <cstdint>
#include <cstdio>

struct Event {
  const char* name;
  std::uint32_t port_id;  ///< of the netlink socket that asked for it; 0: none
  std::uint64_t time;     ///< when the message was read, nanoseconds since 1970
};

/// Writes everything that the library decoded. Addresses are in text, ports in host order, times of
/// the kernel in nanoseconds since 1970; what the message lacks is left out.
void write_connection(std::FILE* out, const Event& event, const nf_conntrack* connection);
