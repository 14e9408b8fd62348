// SPDX-License-Identifier: GPL-2.0-or-later
// The one place that names every kind of output.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <variant>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "ctflow/output.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

class NeighbourMirror;

/// The settings that one output is made from. Each kind of output has its own.
using OutputConfig =
    std::variant<CollectorConfig, ConnectionLogConfig, NatLogConfig, AccountingConfig>;

/// The outputs that a configuration asks for, in its order. Names and Observation Domains are those
/// of the namespace. Without their filters: a changed filter needs no other output
/// (daemon/output_filters.hpp).
std::vector<OutputConfig> outputs_of(const Config& config);

/// `measured`: what flow reports may carry. `io` must outlive it. Throws when it cannot be made.
/// `home`, `source`: the connection table that the flow reports are of. `neighbours`: of the same
/// namespace; null where nothing asks for them.
std::unique_ptr<Output> make_output(boost::asio::io_context& io, const OutputConfig& config,
                                    const std::shared_ptr<const OutputContext>& context,
                                    const Capabilities& measured, const NetworkNamespace& home,
                                    const SourceConfig& source,
                                    const std::shared_ptr<const NeighbourMirror>& neighbours);

}  // namespace ctflow
