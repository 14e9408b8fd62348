// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ctflow/config.hpp"
#include "nat_log/store.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow::nat {

/// Reads the connection table of a namespace, and lets through what `source` lets through. For any
/// thread: it is moved to the namespace meanwhile.
ReadTable table_of(const NetworkNamespace& home, const SourceConfig& source);

}  // namespace ctflow::nat
