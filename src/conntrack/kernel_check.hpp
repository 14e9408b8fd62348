// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel settings without which the numbers are wrong or missing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ctflow {

/// Something about this network namespace's conntrack that costs records or truth.
struct KernelFinding {
  std::string event;  ///< stable log event name
  std::string means;  ///< what it does to the numbers
  std::string mend;   ///< the command that mends it
};

std::vector<KernelFinding> check_kernel(const std::string& directory = "/proc/sys/net/netfilter");

/// Whether this kernel has the patch series of kernel-patches/, and whether it measures.
enum class KernelPatch : std::uint8_t { kAbsent, kOff, kOn };

KernelPatch find_kernel_patch(const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
