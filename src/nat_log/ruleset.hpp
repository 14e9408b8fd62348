// SPDX-License-Identifier: GPL-2.0-or-later
// The ruleset of nftables that the kernel has.
#pragma once

#include <cstdint>
#include <system_error>
#include <vector>

#include "nat_log/ruleset_maps.hpp"

namespace ctflow::nat {

/// Which ruleset of the network namespace that the calling thread is in it is: another number after
/// each change. The error is the kernel's.
std::error_code read_generation(std::uint32_t& generation);

/// Its tables. Throws std::system_error.
std::vector<RulesetTable> read_tables();

/// Its maps, by libnftables. Takes seconds where there are 100 000 entries. One thread at a time
/// does it, others wait. Throws RulesetError or std::system_error.
StaticMaps read_ruleset_maps();

}  // namespace ctflow::nat
