// SPDX-License-Identifier: GPL-2.0-or-later
// Which origin of extras a network namespace has.
#pragma once

#include <memory>
#include <string>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {

/// What is measured in the network namespace that the calling thread is in.
Capabilities find_capabilities(const SourceConfig& config,
                               const std::string& directory = kSettingsDirectory);

/// The origin of its extras; never null. Without any it adds nothing, and finds the kernel's once
/// its module is loaded.
std::unique_ptr<ExtrasSource> find_extras(const SourceConfig& config,
                                          const std::string& directory = kSettingsDirectory);

/// For a recording: whether its kernel measured is known only from its messages.
std::unique_ptr<ExtrasSource> recorded_extras(const SourceConfig& config);

}  // namespace ctflow
