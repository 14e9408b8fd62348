// SPDX-License-Identifier: GPL-2.0-or-later
// What the entries of `namespaces:` stand for.
#pragma once

#include <string>
#include <vector>

#include "ctflow/config.hpp"

namespace ctflow {

/// The file that stands for a namespace.
std::string file_of(const NamespaceConfig& config);

/// Whether a connection of one network namespace could be one of both entries.
bool share_zones(const NamespaceConfig& one, const NamespaceConfig& other);

/// Which two entries would export the same connections, as far as their namespaces exist now, and
/// how to correct that; empty: none.
std::string exported_twice(const std::vector<NamespaceConfig>& configured);

}  // namespace ctflow
