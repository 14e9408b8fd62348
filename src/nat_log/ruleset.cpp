// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/ruleset.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <chrono>

#include "netlink/attributes.hpp"
#include "netlink/dump.hpp"
#include "netlink/netfilter_dump.hpp"

namespace ctflow::nat {
namespace {

/// NFTA_GEN_ID of a message, which is one NFT_MSG_NEWGEN.
bool find_generation(Bytes message, std::uint32_t& generation) {
  constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(nfgenmsg);
  if (message.size() < kHeaders) return false;
  Attributes all(message.subspan(kHeaders));
  Attribute attribute;
  while (all.next(attribute)) {
    if (attribute.type == NFTA_GEN_ID) return read_integer(attribute, generation);
  }
  return false;
}

}  // namespace

std::error_code read_generation(std::uint32_t& generation) {
  constexpr std::chrono::seconds kForAnswer{2};
  Dump dump(NETLINK_NETFILTER);  // one answer, no list
  const NetfilterQuestion question{NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFPROTO_UNSPEC};
  if (const std::error_code error = dump.begin(netfilter_request(question))) return error;
  bool found = false;
  while (!found) {
    if (!dump.wait(kForAnswer)) return std::make_error_code(std::errc::timed_out);
    Dump::State state = dump.receive();
    if (state == Dump::State::kMore) {
      state =
          dump.parse([&](Bytes message) { found = found || find_generation(message, generation); });
    }
    if (state == Dump::State::kFailed) return dump.error();
    if (state == Dump::State::kDone && !found) return std::make_error_code(std::errc::bad_message);
  }
  return {};
}

}  // namespace ctflow::nat
