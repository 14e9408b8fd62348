// SPDX-License-Identifier: GPL-2.0-or-later
// The only reasons for which we and the oracle may judge a DESTROY message differently.
#pragma once

#include <string>

#include "netlink/attributes.hpp"

struct nf_conntrack;

namespace ctflow::test {

/// Why we refuse what the oracle accepted (and left in `theirs`); empty: there is no good reason.
///
/// - A tuple without both addresses of one family, or without a protocol: no connection. The oracle
///   also parses partial messages that users build.
/// - A length that lies: libmnl ends the run there without a word and the rest is lost.
/// - A time that does not fit 63 bits of nanoseconds, which the kernel's clock cannot show.
std::string why_only_theirs(Bytes body, const nf_conntrack* theirs);

/// Why the oracle refuses what we accept; empty: there is no good reason.
///
/// - An attribute longer than its type: the oracle demands the exact length, we the least.
/// - Something is wrong inside an attribute that we do not read.
std::string why_only_ours(Bytes body);

}  // namespace ctflow::test
