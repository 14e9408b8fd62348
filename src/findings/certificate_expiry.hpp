// SPDX-License-Identifier: GPL-2.0-or-later
// Findings about certificates that expire, by the same rules for `ctflowd doctor` and `ctflowd
// status`.
#pragma once

#include <chrono>
#include <optional>

#include "ctflow/transport_status.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// `left`: until it expires. Nothing: that is further than two weeks away.
std::optional<Finding> expiry_finding(const Certificate& certificate, std::chrono::seconds left);

/// From now on, by the wall clock.
std::chrono::seconds left_of(const Certificate& certificate);

/// exporter or collector.
const char* name_of(CertificateOwner owner);

}  // namespace ctflow
