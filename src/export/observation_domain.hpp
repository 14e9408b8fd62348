// SPDX-License-Identifier: GPL-2.0-or-later
// The Observation Domain ID where the configuration names none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ctflow {

/// An Observation Domain ID that differs from host to host and stays the same for one: some
/// collectors key templates by it alone, so two routers with the same one corrupt each other.
/// Never 0 ("the whole Exporting Process", RFC 7011 section 3.1) nor 1 (everybody's choice).
std::uint32_t observation_domain_from(std::string_view host_identity);

/// The identity of this host: its machine-id (machine-id(5)), or its host name where there is none.
std::string host_identity(const std::string& machine_id_file = "/etc/machine-id");

}  // namespace ctflow
