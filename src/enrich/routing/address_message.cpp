// SPDX-License-Identifier: GPL-2.0-or-later
// decode_address() of routing_message.hpp.
#include <linux/if_addr.h>

#include <cstddef>

#include "enrich/routing/routing_attributes.hpp"

namespace ctflow {

using namespace rtnetlink;

Decoded decode_address(Bytes message, InterfaceAddress& address) {
  address = {};
  Bytes fixed;
  Bytes rest;
  if (!split(message, sizeof(ifaddrmsg), fixed, rest)) return Decoded::kMalformed;
  address.family = family_of(octet(fixed, offsetof(ifaddrmsg, ifa_family)));
  if (address.family == AddressFamily::kNone) return Decoded::kIgnored;
  address.length = octet(fixed, offsetof(ifaddrmsg, ifa_prefixlen));
  address.interface = load_host<std::uint32_t>(fixed, offsetof(ifaddrmsg, ifa_index));
  bool has_local = false;
  bool has_peer = false;
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (attribute.type == IFA_LOCAL) {
      has_local = read_address(attribute.payload, address.family, address.address);
      if (!has_local) return Decoded::kMalformed;
    }
    if (attribute.type == IFA_ADDRESS) {
      has_peer = read_address(attribute.payload, address.family, address.peer);
      if (!has_peer) return Decoded::kMalformed;
    }
  }
  if (attributes.malformed() || address.interface == 0) return Decoded::kMalformed;
  // IPv6 has IFA_LOCAL only beside a peer; the other end's address is never ours.
  if (!has_local) address.address = address.peer;
  if (!has_peer) address.peer = address.address;
  return has_local || has_peer ? Decoded::kYes : Decoded::kMalformed;
}

}  // namespace ctflow
