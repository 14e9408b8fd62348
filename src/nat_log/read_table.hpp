// SPDX-License-Identifier: GPL-2.0-or-later
// The connection table as the NAT log needs it: which translations exist now.
#pragma once

#include "ctflow/config.hpp"
#include "nat_log/store.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow::nat {

/// Reads the connection table of a namespace, and lets through what `source` lets through. For any
/// thread: it is moved to the namespace meanwhile. `derives_ids`: Flow::id of the flow reports is
/// no CTA_ID (FlowAssembler::derives_ids).
ReadTable table_of(const NetworkNamespace& home, const SourceConfig& source, bool derives_ids);

/// What a filter may exclude: bits of left_out::.
int left_out_by(const FilterConfig& filter);
/// The same of all settings that say which connections are read.
int left_out_by(const SourceConfig& source);

}  // namespace ctflow::nat
