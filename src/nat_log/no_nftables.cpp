// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for read_ruleset.cpp in a ctflowd without CTFLOWD_NFTABLES.
#include "nat_log/ruleset.hpp"

namespace ctflow::nat {

StaticMaps read_ruleset_maps() { throw RulesetError("built without libnftables"); }

}  // namespace ctflow::nat
