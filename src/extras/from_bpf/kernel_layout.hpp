// SPDX-License-Identifier: GPL-2.0-or-later
// Where the running kernel keeps what the programs at netfilter's hooks read of a connection.
#pragma once

#include <optional>

#include "netfilter_maps.h"

namespace ctflow {

/// By /sys/kernel/btf/vmlinux, or nf_conntrack's own file where that is a module. Nothing: the
/// kernel has no BTF, or conntrack is not loaded.
std::optional<ctflow_nf_layout> find_kernel_layout();

}  // namespace ctflow
