// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/stream_position.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>  // netinet/tcp.h has fewer fields, and cannot be included beside it
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>

namespace ctflow {
namespace {

std::optional<std::uint64_t> octets_acknowledged(int socket) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  constexpr std::size_t kEnd = offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked;
  if (length < kEnd) return std::nullopt;
  return info.tcpi_bytes_acked;
}

}  // namespace

std::optional<StreamPosition> position_of(int socket) {
  std::optional<std::uint64_t> before = octets_acknowledged(socket);
  while (before) {
    int queued = 0;
    if (ioctl(socket, SIOCOUTQ, &queued) != 0) return std::nullopt;
    const std::optional<std::uint64_t> after = octets_acknowledged(socket);
    if (after == before) return StreamPosition{*before, *before + static_cast<unsigned>(queued)};
    before = after;  // an acknowledgement came in between
  }
  return std::nullopt;
}

bool all_was_read(int socket) {
  int unread = 0;
  if (ioctl(socket, SIOCOUTQ, &unread) != 0 || unread != 0) return false;
  // In this order: the octets of a peer that closes the socket after this are seen above.
  pollfd hung_up{socket, 0, 0};
  return poll(&hung_up, 1, 0) == 0;
}

}  // namespace ctflow
