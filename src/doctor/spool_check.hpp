// SPDX-License-Identifier: GPL-2.0-or-later
// Messages on disk that no collector of a configuration sends, and whether there is room for more.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Looks at the directories of all spools, where a collector that was renamed or removed leaves its
/// files, and at those of earlier configurations.
Findings check_spools(const Config& config, const std::set<std::string>& earlier = {});

/// Octets that are free in the file system of a directory for users other than root; nothing if
/// that cannot be found out.
using FreeOctets = std::function<std::optional<std::uint64_t>(const std::string& directory)>;
std::optional<std::uint64_t> free_octets(const std::string& directory);

/// Finds spools that may become larger than what is free together with what they have already.
Findings check_spool_sizes(const Config& config, const FreeOctets& free = free_octets);

}  // namespace ctflow
