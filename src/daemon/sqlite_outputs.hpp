// SPDX-License-Identifier: GPL-2.0-or-later
// The outputs that keep rows in SQLite.
#pragma once

#include <memory>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "ctflow/output.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

class NeighbourMirror;

/// As make_output(), which see.
std::unique_ptr<Output> make_nat_log(const NatLogConfig& config,
                                     const std::shared_ptr<const OutputContext>& context,
                                     const NetworkNamespace& home, const SourceConfig& source,
                                     const Capabilities& measured);
std::unique_ptr<Output> make_accounting(const AccountingConfig& config,
                                        const std::shared_ptr<const OutputContext>& context,
                                        const NetworkNamespace& home, const SourceConfig& source,
                                        const std::shared_ptr<const NeighbourMirror>& neighbours);

}  // namespace ctflow
