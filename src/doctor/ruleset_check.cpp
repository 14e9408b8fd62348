// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/ruleset_check.hpp"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "netlink/conntrack_settings.hpp"
#include "netlink/netfilter_dump.hpp"

namespace ctflow {
namespace {

// linux/netfilter/nfnetlink_hook.h, since 5.14.
constexpr std::uint8_t kHookSubsystem = 12;     // NFNL_SUBSYS_HOOK
constexpr std::uint8_t kGetHook = 0;            // NFNL_MSG_HOOK_GET
constexpr std::uint16_t kHookNumber = 1;        // NFNLA_HOOK_HOOKNUM
constexpr std::uint16_t kHookFunctionName = 4;  // NFNLA_HOOK_FUNCTION_NAME

std::string_view text_of(const Attribute& attribute) {
  const std::string_view text(reinterpret_cast<const char*>(attribute.payload.data()),
                              attribute.payload.size());
  return text.substr(0, text.find('\0'));
}

/// The text of the first attribute of this type; empty if there is none.
std::string_view find_text(Bytes attributes, std::uint16_t type) {
  Attributes all(attributes);
  Attribute attribute;
  while (all.next(attribute)) {
    if (attribute.type == type) return text_of(attribute);
  }
  return {};
}

Bytes find_nested(Bytes attributes, std::uint16_t type) {
  Attributes all(attributes);
  Attribute attribute;
  while (all.next(attribute)) {
    if (attribute.type == type) return attribute.payload;
  }
  return {};
}

template <std::size_t kCount>
bool is_one_of(std::string_view text, const std::array<std::string_view, kCount>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// Expressions whose set-up asks for conntrack (nf_ct_netns_get() in the kernel).
bool expression_needs_conntrack(Bytes expression) {
  constexpr std::array<std::string_view, 7> kOfNftables{
      "ct", "nat", "masq", "redir", "synproxy", "connlimit", "flow_offload"};
  constexpr std::array<std::string_view, 5> kMatches{"conntrack", "state", "connmark", "connbytes",
                                                     "connlimit"};
  constexpr std::array<std::string_view, 8> kTargets{"MASQUERADE", "SNAT",     "DNAT", "REDIRECT",
                                                     "NETMAP",     "CONNMARK", "CT",   "SYNPROXY"};
  const std::string_view name = find_text(expression, NFTA_EXPR_NAME);
  const Bytes data = find_nested(expression, NFTA_EXPR_DATA);
  // iptables-nft wraps what it took over from iptables.
  if (name == "match") return is_one_of(find_text(data, NFTA_MATCH_NAME), kMatches);
  if (name == "target") return is_one_of(find_text(data, NFTA_TARGET_NAME), kTargets);
  return is_one_of(name, kOfNftables);
}

std::string_view family_name(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    default:
      return "netdev";
  }
}

std::optional<bool> ask_hooks() {
  bool found = false;
  for (const std::uint8_t family : {NFPROTO_IPV4, NFPROTO_IPV6}) {
    const NetfilterQuestion question{kHookSubsystem, kGetHook, family, kHookNumber,
                                     NF_INET_PRE_ROUTING};
    const auto error = dump_netfilter(
        question, [&](std::uint8_t, Bytes hook) { found = found || is_conntrack_hook(hook); });
    if (error) return std::nullopt;
  }
  return found;
}

bool has_content(const std::string& file) {
  std::ifstream stream(file);
  return stream.peek() != std::ifstream::traits_type::eof();
}

}  // namespace

bool is_conntrack_hook(Bytes hook) {
  return find_text(hook, kHookFunctionName).find("conntrack_in") != std::string_view::npos;
}

bool needs_conntrack(Bytes rule) {
  Attributes expressions(find_nested(rule, NFTA_RULE_EXPRESSIONS));
  Attribute expression;
  while (expressions.next(expression)) {
    if (expression_needs_conntrack(expression.payload)) return true;
  }
  return false;
}

Flowtable read_flowtable(std::uint8_t family, Bytes flowtable) {
  constexpr std::uint32_t kHardware = 0x1;  // NFT_FLOWTABLE_HW_OFFLOAD
  constexpr std::uint32_t kCounter = 0x2;   // NFT_FLOWTABLE_COUNTER
  Attributes all(flowtable);
  Attribute attribute;
  std::uint32_t flags = 0;
  std::uint32_t uses = 1;
  while (all.next(attribute)) {
    if (attribute.type == NFTA_FLOWTABLE_FLAGS) read_integer(attribute, flags);
    if (attribute.type == NFTA_FLOWTABLE_USE) read_integer(attribute, uses);
  }
  return {fmt::format("{} {} {}", family_name(family), find_text(flowtable, NFTA_FLOWTABLE_TABLE),
                      find_text(flowtable, NFTA_FLOWTABLE_NAME)),
          (flags & kCounter) != 0, (flags & kHardware) != 0, uses > 0};
}

std::error_code read_flowtables(std::vector<Flowtable>& to) {
  return dump_netfilter({NFNL_SUBSYS_NFTABLES, NFT_MSG_GETFLOWTABLE, NFPROTO_UNSPEC},
                        [&](std::uint8_t family, Bytes flowtable) {
                          to.push_back(read_flowtable(family, flowtable));
                        });
}

Ruleset read_ruleset(const std::string& directory, const std::string& proc_net) {
  Ruleset ruleset;
  ruleset.entries = table_size(directory);
  ruleset.legacy_tables =
      has_content(proc_net + "/ip_tables_names") || has_content(proc_net + "/ip6_tables_names");
  ruleset.hooked = ask_hooks();
  std::error_code error = read_flowtables(ruleset.flowtables);
  // Rules are many, and needed only where hooks and entries do not answer it.
  if (!error && !ruleset.hooked && ruleset.entries == 0) {
    error = dump_netfilter(
        {NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE, NFPROTO_UNSPEC}, [&](std::uint8_t, Bytes rule) {
          ruleset.rule_needs_conntrack = ruleset.rule_needs_conntrack || needs_conntrack(rule);
        });
  }
  if (error) ruleset.error = error.message();
  return ruleset;
}

Findings check_ruleset(const Ruleset& ruleset) {
  Findings found;
  if (!ruleset.error.empty()) {
    found.unchecked.push_back("rules and flowtables: nftables could not be read: " + ruleset.error);
  }
  for (const Flowtable& one : ruleset.flowtables) {
    if (one.counter) continue;
    found.wrong.push_back(
        {"flowtable_uncounted",
         fmt::format(
             "packets forwarded by the flowtable {}{} are not in the kernel's counters, and "
             "so not in the Flow Records",
             one.name, one.hardware ? ", in software or by network hardware," : ""),
         fmt::format(
             "nft 'add flowtable {} {{ counter; }}', and add counter; to the ruleset's file",
             one.name)});
  }
  bool tracking = ruleset.entries > 0 || ruleset.rule_needs_conntrack;
  if (ruleset.hooked) tracking = *ruleset.hooked;
  const bool known =
      ruleset.hooked || tracking || (ruleset.error.empty() && !ruleset.legacy_tables);
  if (!known) {
    found.unchecked.emplace_back(
        "whether any rule uses conntrack: the table is empty, and only nftables' rules can be "
        "read");
  } else if (!tracking) {
    found.wrong.push_back(
        {"not_tracking",
         "no rule of this network namespace uses conntrack, so the kernel tracks nothing and "
         "nothing will be exported",
         "nft 'table inet ctflowd { chain track { type filter hook prerouting priority filter; ct "
         "state established counter; }; }'"});
  }
  return found;
}

}  // namespace ctflow
