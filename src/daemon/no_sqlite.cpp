// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for sqlite_outputs.cpp in a ctflowd without CTFLOWD_SQLITE.
#include <stdexcept>

#include "daemon/sqlite_outputs.hpp"

namespace ctflow {

// The settings refuse both.

std::unique_ptr<Output> make_nat_log(const NatLogConfig& config,
                                     const std::shared_ptr<const OutputContext>& /*context*/,
                                     const NetworkNamespace& /*home*/,
                                     const SourceConfig& /*source*/,
                                     const Capabilities& /*measured*/) {
  throw std::logic_error(config.directory + ": built without SQLite");
}

std::unique_ptr<Output> make_accounting(
    const AccountingConfig& config, const std::shared_ptr<const OutputContext>& /*context*/,
    const NetworkNamespace& /*home*/, const SourceConfig& /*source*/,
    const std::shared_ptr<const NeighbourMirror>& /*neighbours*/) {
  throw std::logic_error(config.database + ": built without SQLite");
}

}  // namespace ctflow
