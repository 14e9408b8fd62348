// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this network namespace tracks connections, and what its flowtables do with packets.
#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "findings/finding.hpp"
#include "netlink/attributes.hpp"

namespace ctflow {

/// A flowtable of nftables.
struct Flowtable {
  std::string name;       ///< "FAMILY TABLE NAME"
  bool counter = false;   ///< what it forwards is in conntrack's counters
  bool hardware = false;  ///< `flags offload`: network hardware forwards for it
  bool used = true;       ///< a rule gives it connections, as far as the kernel says

  friend bool operator==(const Flowtable&, const Flowtable&) = default;
};

/// What was found about the rules.
struct Ruleset {
  /// Whether conntrack's hook is registered. Nothing: this kernel does not list its hooks
  /// (CONFIG_NETFILTER_NETLINK_HOOK).
  std::optional<bool> hooked{};
  bool rule_needs_conntrack = false;  ///< an nftables rule, which makes the kernel register it
  bool legacy_tables = false;         ///< iptables-legacy, whose rules are not read
  std::size_t entries = 0;            ///< in the connection table
  std::vector<Flowtable> flowtables{};
  std::string error{};  ///< why nftables could not be read; empty: it could
};

/// Asks the kernel for flowtables alone.
std::error_code read_flowtables(std::vector<Flowtable>& to);

/// Asks the kernel. `directory`: where nf_conntrack_count is.
Ruleset read_ruleset(const std::string& directory = "/proc/sys/net/netfilter",
                     const std::string& proc_net = "/proc/net");

Findings check_ruleset(const Ruleset& ruleset);

// The parts of the kernel's answers, by their attributes.
bool is_conntrack_hook(Bytes hook);
bool needs_conntrack(Bytes rule);
Flowtable read_flowtable(std::uint8_t family, Bytes flowtable);

}  // namespace ctflow
