// SPDX-License-Identifier: GPL-2.0-or-later
// What nft says about a ruleset in JSON (libnftables-json(5)) → its static maps of ports.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "nat_log/static_maps.hpp"

namespace ctflow::nat {

/// The ruleset cannot be read: one line of why.
class RulesetError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Runs one command of nft, given in JSON, and returns its answer in JSON. `elements`: also those
/// of named sets and maps. Throws RulesetError.
using AskNft = std::function<std::string(const std::string& command, bool elements)>;

/// A table, as the kernel says.
struct RulesetTable {
  std::string family;  ///< ip, ip6 or inet; empty: another, which cannot translate
  std::string name;
  bool dormant = false;
  bool flagged = false;  ///< it has a flag, which need not be that one
};

/// The maps of rules such as `snat to ip saddr map { 100.64.0.2 : 203.0.113.7 . 1024-3071 }`.
/// Asks first for the rules, then for those maps alone. `tables` are all there are; nft is
/// not asked to list one that has a flag, because nft 1.0.6 (Debian 12) writes memory that it has
/// freed in the place of an only flag. Throws RulesetError.
StaticMaps read_static_maps(const AskNft& ask, const std::vector<RulesetTable>& tables);

}  // namespace ctflow::nat
