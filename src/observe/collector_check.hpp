// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a collector can be reached, as far as this host can tell by asking.
#pragma once

#include <chrono>

#include "ctflow/config.hpp"
#include "observe/finding.hpp"

namespace ctflow {

/// Looks its name up, asks the routes, compares the route's MTU with max_message_size, and sends an
/// empty datagram, which collectors ignore: a host where nobody listens answers it by ICMP.
/// With transport: tcp and tls it makes a connection instead, and closes it without a word. Waits
/// for an answer no longer than `patience`. Of files it asks whether they can be made.
Findings check_collector(const CollectorConfig& collector,
                         std::chrono::milliseconds patience = std::chrono::milliseconds(300));

}  // namespace ctflow
