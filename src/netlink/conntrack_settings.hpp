// SPDX-License-Identifier: GPL-2.0-or-later
// Settings of the connection table: net.netfilter.nf_conntrack_*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ctflow {

/// `name` of `directory` as a number; nothing if it is not there or cannot be read.
std::optional<int> conntrack_setting(const std::string& directory, const char* name);

/// Whether this kernel has the patch series of kernel-patches/, and whether it measures.
enum class KernelPatch : std::uint8_t { kAbsent, kOff, kOn };

KernelPatch find_kernel_patch(const std::string& directory = "/proc/sys/net/netfilter");

/// How often a patched kernel reports a living connection itself, seconds. Nothing: it does not.
std::optional<std::uint32_t> kernel_active_timeout(
    const std::string& directory = "/proc/sys/net/netfilter");

/// nf_conntrack_events: 0 off, 1 on, 2 for connections that begin while somebody listens.
int events_mode(const std::string& directory = "/proc/sys/net/netfilter");

/// nf_conntrack_max, 0 if that is not known.
std::size_t table_limit(const std::string& directory = "/proc/sys/net/netfilter");

/// Entries in the connection table, 0 if that is not known.
std::size_t table_size(const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
