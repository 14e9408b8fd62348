// SPDX-License-Identifier: GPL-2.0-or-later
// What records of fentry programs need beside the programs themselves.
#pragma once

#include <string>

#include "ctflow/config.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {

/// Why a network namespace, that of the calling thread, cannot be exported by records. Empty:
/// nothing of the configuration nor of the settings of conntrack prevents it.
std::string records_obstacle(const SourceConfig& config,
                             const std::string& directory = kSettingsDirectory);

/// Lets the kernel load nf_conntrack and nf_conntrack_netlink, as every listener does, unless they
/// are there. Needs CAP_NET_ADMIN; without, nothing happens.
void load_conntrack(const std::string& directory = kSettingsDirectory);

}  // namespace ctflow
