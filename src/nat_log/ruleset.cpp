// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/ruleset.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

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

std::string text_of(Bytes payload) {
  const auto* const begin = reinterpret_cast<const char*>(payload.data());
  return {begin, ::strnlen(begin, payload.size())};
}

/// Empty: none that translates.
std::string family_of(std::uint8_t family) {
  if (family == NFPROTO_IPV4) return "ip";
  if (family == NFPROTO_IPV6) return "ip6";
  return family == NFPROTO_INET ? "inet" : "";
}

/// Of NFT_MSG_NEWTABLE.
RulesetTable table_of(std::uint8_t family, Bytes attributes) {
  RulesetTable table{family_of(family), "", false, false};
  std::uint32_t flags = 0;
  Attributes all(attributes);
  Attribute attribute;
  while (all.next(attribute)) {
    if (attribute.type == NFTA_TABLE_NAME) table.name = text_of(attribute.payload);
    if (attribute.type == NFTA_TABLE_FLAGS) read_integer(attribute, flags);
  }
  table.flagged = flags != 0;
  table.dormant = (flags & NFT_TABLE_F_DORMANT) != 0;
  return table;
}

}  // namespace

std::vector<RulesetTable> read_tables() {
  std::vector<RulesetTable> tables;
  const NetfilterQuestion question{NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NFPROTO_UNSPEC};
  const auto take = [&](std::uint8_t family, Bytes attributes) {
    tables.push_back(table_of(family, attributes));
  };
  if (const std::error_code error = dump_netfilter(question, take)) {
    throw std::system_error(error, "the tables of the ruleset (nf_tables)");
  }
  return tables;
}

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
