// SPDX-License-Identifier: GPL-2.0-or-later
// Checks of the host outside of conntrack: privileges, buffers, the clock, merged packets.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// CAP_NET_ADMIN, by /proc/self/status.
Findings check_capabilities(const std::string& status_file = "/proc/self/status");

/// `granted`: what the kernel grants this process for source.receive_buffer.
Findings check_receive_buffer(const SourceConfig& config, std::size_t granted);
/// Tries it with a socket of its own; 0: no socket.
std::size_t granted_receive_buffer(std::size_t wanted);

struct ClockState {
  std::chrono::system_clock::time_point now;
  bool synchronised = false;
  bool known = false;  ///< whether it is synchronised
};
ClockState read_clock();
Findings check_clock(const ClockState& clock);

/// `merging`: interfaces that merge received packets (GRO).
Findings check_merging(const std::vector<std::string>& merging);
std::vector<std::string> merging_interfaces();

/// Whether this is the network namespace of process 1.
Findings check_namespace(const std::string& proc = "/proc");

}  // namespace ctflow
