// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink datagrams of a machine of the other byte order.
//
// Headers of messages and attributes are in the order of the machine that wrote them, and so is
// nothing else that is decoded here: ctnetlink's values are in network order (nfgenmsg.res_id too),
// addresses are octets. CTA_LABELS, an array of the kernel's words, is left as it is: it is read
// nowhere, and how long a word was is not written down.
#pragma once

#include <cstddef>
#include <span>

namespace ctflow {

/// Whether the datagram's first header makes sense only in the other order. A length of 16 to 65535
/// octets can be read in one way only; where neither way makes sense, or both, `otherwise` holds.
bool has_foreign_order(std::span<const std::byte> datagram, bool otherwise);

/// Turns the headers of all messages, and of the attributes of ctnetlink's, into this machine's
/// order. What lies about its length stays as it is behind that place.
void to_host_order(std::span<std::byte> datagram);

}  // namespace ctflow
