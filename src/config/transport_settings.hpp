// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of a collector that say how messages get to it.
#pragma once

#include <cstdint>
#include <optional>

#include "config/formats.hpp"
#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

ValueFormat<std::uint64_t> port();

/// Reads the files that are named, to refuse what could not be used.
Section<TlsConfig> tls_settings();
Section<SpoolConfig> spool_settings();
Section<FileConfig> file_settings();

/// What does not go together, or is missing for the transport that was chosen.
std::optional<Complaint> check_transport(const CollectorConfig& collector);

/// A collector that is our own status.listen: it would take the connection, and answer messages
/// with an HTTP error.
std::optional<Complaint> check_own_status(const Config& config);

}  // namespace ctflow::config
