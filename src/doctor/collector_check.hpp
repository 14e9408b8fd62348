// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a collector can be reached, as far as this host can find out.
#pragma once

#include <chrono>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// How long to wait for an answer.
struct Patience {
  std::chrono::milliseconds datagram{1000};    ///< satellites, and neighbours that must be found
  std::chrono::milliseconds connection{5000};  ///< a lost SYN is sent again after one and three
};

/// Resolves its name, looks up the route, compares the route's MTU with max_message_size, and sends
/// an empty datagram, which collectors ignore: a host where no program listens answers it by ICMP.
/// With transport: tcp and tls it connects instead, see check_stream(). Files need no
/// collector.
Findings check_collector(const CollectorConfig& collector, const StatusConfig& status = {},
                         const Patience& patience = {});

}  // namespace ctflow
