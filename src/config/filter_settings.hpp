// SPDX-License-Identifier: GPL-2.0-or-later
// The settings that say which connections are exported.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/formats.hpp"
#include "config/schema.hpp"
#include "ctflow/connection_match.hpp"
#include "ctflow/network.hpp"

namespace ctflow::config {

/// A number from 0 to 255, or one of the names that are in common use.
ValueFormat<std::uint64_t> ip_protocol();

/// ADDRESS/LENGTH, or an address alone.
ValueFormat<Network> network();

/// MARK/MASK, or a mark alone.
ValueFormat<MarkMatch> mark_match();

/// The conditions that every filter has.
std::vector<Setting<ConnectionMatch>> match_settings();

using Networks = std::vector<Network>;

/// Both ends of a connection have addresses of one family: lists without a common one never match.
/// `prefix`: of the names of these settings.
std::optional<Complaint> check_families(const std::string& prefix, const Networks& either,
                                        const Networks& sources, const Networks& destinations);

Section<FilterConfig> filter_settings();

}  // namespace ctflow::config
