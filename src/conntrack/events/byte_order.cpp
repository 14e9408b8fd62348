// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/byte_order.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "netlink/attributes.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

using Octets = std::span<std::byte>;

template <typename T>
void reverse(Octets bytes, std::size_t offset) {
  const T value = wire::reversed(load_host<T>(bytes, offset));
  std::memcpy(bytes.data() + offset, &value, sizeof value);
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
    reverse<std::uint16_t>(rest, offsetof(nlattr, nla_len));
    reverse<std::uint16_t>(rest, offsetof(nlattr, nla_type));
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
  const bool foreign = fits(wire::reversed(as_is));
  return native == foreign ? otherwise : foreign;
}

void to_host_order(Octets datagram) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    reverse<std::uint32_t>(datagram, offsetof(nlmsghdr, nlmsg_len));
    reverse<std::uint16_t>(datagram, offsetof(nlmsghdr, nlmsg_type));
    reverse<std::uint16_t>(datagram, offsetof(nlmsghdr, nlmsg_flags));
    reverse<std::uint32_t>(datagram, offsetof(nlmsghdr, nlmsg_seq));
    reverse<std::uint32_t>(datagram, offsetof(nlmsghdr, nlmsg_pid));
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
