// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel says of how much a connection has carried.
#pragma once

#include <cstdint>
#include <optional>

namespace ctflow {

/// How far a TCP connection's outgoing stream has come, in octets on the wire: what the peer's
/// kernel has acknowledged, and what ours was given. Only differences between positions of one
/// connection mean something.
struct StreamPosition {
  std::uint64_t acknowledged = 0;
  std::uint64_t written = 0;
};

/// Also of a connection that broke, as long as the socket is open. Nothing: the kernel (before 4.1)
/// does not report it.
std::optional<StreamPosition> position_of(int socket);

/// Of a unix socket: whether its peer has read all that it was given. False also where the peer has
/// closed it, by which unread octets are lost.
bool all_was_read(int socket);

}  // namespace ctflow
