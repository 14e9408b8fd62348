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

/// A patched kernel as the origin of its extras; never null. On another it adds nothing, and finds
/// the kernel's once its module is loaded.
std::unique_ptr<ExtrasSource> patch_extras(const SourceConfig& config,
                                           const std::string& directory = kSettingsDirectory);

/// Adds nothing, and removes what a patched kernel measured (source.measure: off).
std::unique_ptr<ExtrasSource> no_extras();

/// Netfilter programs, attached to the network namespace that the calling thread is in. Null:
/// `obstacle` says why they cannot be.
std::unique_ptr<ExtrasSource> netfilter_extras(const SourceConfig& config, std::string& obstacle,
                                               const std::string& directory = kSettingsDirectory);

/// For a recording: whether its kernel measured is known only from its messages.
std::unique_ptr<ExtrasSource> recorded_extras(const SourceConfig& config);

}  // namespace ctflow
