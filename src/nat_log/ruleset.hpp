// SPDX-License-Identifier: GPL-2.0-or-later
// The ruleset of nftables that the kernel has.
#pragma once

#include <cstdint>
#include <system_error>

#include "nat_log/ruleset_maps.hpp"

namespace ctflow::nat {

/// Which ruleset of the network namespace that the calling thread is in it is: another number after
/// each change. The error is the kernel's.
std::error_code read_generation(std::uint32_t& generation);

/// Its maps, by libnftables. Takes seconds where there are 100 000 entries. One thread at a time
/// does it, others wait. Throws RulesetError.
StaticMaps read_ruleset_maps();

}  // namespace ctflow::nat
