// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/kernel_check.hpp"

#include <fstream>
#include <optional>

namespace ctflow {
namespace {

std::optional<int> read_setting(const std::string& directory, const char* name) {
  std::ifstream file(directory + "/" + name);
  int value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

}  // namespace

std::vector<KernelFinding> check_kernel(const std::string& directory) {
  std::vector<KernelFinding> findings;
  const auto accounting = read_setting(directory, "nf_conntrack_acct");
  if (!accounting) {
    findings.push_back({"conntrack_missing", "no connection is tracked, nothing will be exported",
                        "modprobe nf_conntrack"});
    return findings;
  }
  if (*accounting == 0) {
    findings.push_back({"accounting_off", "connections have no counters and cannot be exported",
                        "sysctl -w net.netfilter.nf_conntrack_acct=1"});
  }
  if (read_setting(directory, "nf_conntrack_timestamp").value_or(0) == 0) {
    findings.push_back({"timestamps_off", "start and end of a flow are the time of its event",
                        "sysctl -w net.netfilter.nf_conntrack_timestamp=1"});
  }
  const int events = read_setting(directory, "nf_conntrack_events").value_or(0);
  if (events == 0) {
    findings.push_back({"events_off", "the kernel reports no connection at all",
                        "sysctl -w net.netfilter.nf_conntrack_events=1"});
  } else if (events == 2) {
    findings.push_back({"events_on_demand",
                        "connections that began before ctflowd are not reported when they end",
                        "sysctl -w net.netfilter.nf_conntrack_events=1"});
  }
  if (find_kernel_patch(directory) == KernelPatch::kOff) {
    findings.push_back({"flow_measurement_off",
                        "this kernel could tell the last packet, interfaces, TCP flags and packets "
                        "as on the wire, but does not",
                        "sysctl -w net.netfilter.nf_conntrack_flow=1"});
  }
  return findings;
}

KernelPatch find_kernel_patch(const std::string& directory) {
  const auto setting = read_setting(directory, "nf_conntrack_flow");
  if (!setting) return KernelPatch::kAbsent;
  return *setting == 0 ? KernelPatch::kOff : KernelPatch::kOn;
}

}  // namespace ctflow
