// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/byte_order.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstdint>

#include "netlink/attributes.hpp"

namespace ctflow {
namespace {

using Octets = std::span<std::byte>;

void reverse(Octets bytes, std::size_t offset, std::size_t length) {
  std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(offset),
               bytes.begin() + static_cast<std::ptrdiff_t>(offset + length));
}

/// What follows an item of this length that begins at a multiple of four.
Octets behind(Octets bytes, std::size_t length) {
  const std::size_t aligned = (length + 3) & ~std::size_t{3};
  return bytes.subspan(std::min(aligned, bytes.size()));
}

/// The kernel marks every attribute that holds others by NLA_F_NESTED.
void turn_attributes(Octets rest, int depth) {
  constexpr int kDeepest = 8;
  constexpr std::size_t kHeader = sizeof(nlattr);
  while (rest.size() >= kHeader) {
    reverse(rest, offsetof(nlattr, nla_len), 2);
    reverse(rest, offsetof(nlattr, nla_type), 2);
    const auto length = load_host<std::uint16_t>(rest, offsetof(nlattr, nla_len));
    const auto type = load_host<std::uint16_t>(rest, offsetof(nlattr, nla_type));
    if (length < kHeader || length > rest.size()) return;
    if ((type & NLA_F_NESTED) != 0 && depth < kDeepest) {
      turn_attributes(rest.subspan(kHeader, length - kHeader), depth + 1);
    }
    rest = behind(rest, length);
  }
}

}  // namespace

bool has_foreign_order(Bytes datagram, bool otherwise) {
  if (datagram.size() < sizeof(nlmsghdr)) return otherwise;
  const auto fits = [&](std::uint32_t length) {
    return length >= sizeof(nlmsghdr) && length <= datagram.size();
  };
  const auto as_is = load_host<std::uint32_t>(datagram, offsetof(nlmsghdr, nlmsg_len));
  const bool native = fits(as_is);
  const bool foreign = fits(__builtin_bswap32(as_is));
  return native == foreign ? otherwise : foreign;
}

void to_host_order(Octets datagram) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    reverse(datagram, offsetof(nlmsghdr, nlmsg_len), 4);
    reverse(datagram, offsetof(nlmsghdr, nlmsg_type), 2);
    reverse(datagram, offsetof(nlmsghdr, nlmsg_flags), 2);
    reverse(datagram, offsetof(nlmsghdr, nlmsg_seq), 4);
    reverse(datagram, offsetof(nlmsghdr, nlmsg_pid), 4);
    const auto length = load_host<std::uint32_t>(datagram, offsetof(nlmsghdr, nlmsg_len));
    const auto type = load_host<std::uint16_t>(datagram, offsetof(nlmsghdr, nlmsg_type));
    if (length < sizeof(nlmsghdr) || length > datagram.size()) return;
    constexpr std::size_t kHeaders = sizeof(nlmsghdr) + sizeof(nfgenmsg);
    if (type >> 8 == NFNL_SUBSYS_CTNETLINK && length >= kHeaders) {
      turn_attributes(datagram.subspan(kHeaders, length - kHeaders), 0);
    }
    datagram = behind(datagram, length);
  }
}

}  // namespace ctflow
