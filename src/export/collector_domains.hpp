// SPDX-License-Identifier: GPL-2.0-or-later
// Observation Domains of entries that send to one collector. Each entry has sequence numbers of its
// own, and a collector keeps one for each exporter's address and Observation Domain: two entries in
// one domain look like loss and duplicates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/config.hpp"

namespace ctflow {

/// Transport, port and address that a collector's messages go to, the same text for the same. Host
/// names are taken as they are written: what they resolve to is not known here. Empty: a file,
/// which is a collector of its own.
std::string destination(const CollectorConfig& collector);

/// Whether both have the same destination().
bool same_destination(const CollectorConfig& one, const CollectorConfig& other);

/// The Observation Domain of the network namespace `where` (without a name: the one that we run
/// in), which the first of its collectors gets: its own, or the one derived from `host`.
std::uint32_t namespace_domain(const NamespaceConfig& where, const std::string& host);

/// The Observation Domain ID of each of `config.collectors`, in their order, in the network
/// namespace `where` (without a name: the one that we run in).
///
/// An entry has its own `observation_domain`, or that of its namespace, or the one derived from
/// `host`. Of entries without a domain of their own and with one destination the first by name
/// keeps it; each of the others has one derived from its name, so that neither the order of entries
/// nor a further entry changes it.
std::vector<std::uint32_t> observation_domains(const Config& config, const NamespaceConfig& where,
                                               const std::string& host);

/// Logs entries whose names resolved to one address although they share a domain. `peers`: address
/// and port of each.
void warn_of_shared_domains(const std::vector<CollectorConfig>& collectors,
                            const std::vector<std::string>& peers);

}  // namespace ctflow
