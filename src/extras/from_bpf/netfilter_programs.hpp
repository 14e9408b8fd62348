// SPDX-License-Identifier: GPL-2.0-or-later
// Loads the programs at netfilter's hooks.
#pragma once

#include <memory>
#include <string>

#include "extras/from_bpf/measured_entries.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {

/// Loads the programs and attaches them to the network namespace of the calling thread, beside
/// those of other processes. Connections that begin from now on are measured, until what this
/// returns is destroyed or the process ends. Null: `obstacle` says why not, in one line.
std::unique_ptr<MeasuredEntries> attach_netfilter_programs(
    std::string& obstacle, const std::string& directory = kSettingsDirectory);

}  // namespace ctflow
