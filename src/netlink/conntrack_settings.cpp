// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/conntrack_settings.hpp"

#include <fstream>

namespace ctflow {

std::optional<int> conntrack_setting(const std::string& directory, const char* name) {
  std::ifstream file(directory + "/" + name);
  int value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

KernelPatch find_kernel_patch(const std::string& directory) {
  const auto setting = conntrack_setting(directory, "nf_conntrack_flow");
  if (!setting) return KernelPatch::kAbsent;
  return *setting == 0 ? KernelPatch::kOff : KernelPatch::kOn;
}

std::optional<std::uint32_t> kernel_active_timeout(const std::string& directory) {
  if (find_kernel_patch(directory) != KernelPatch::kOn) return std::nullopt;
  const int seconds = conntrack_setting(directory, "nf_conntrack_flow_active_timeout").value_or(0);
  if (seconds <= 0) return std::nullopt;
  return static_cast<std::uint32_t>(seconds);
}

int events_mode(const std::string& directory) {
  return conntrack_setting(directory, "nf_conntrack_events").value_or(0);
}

std::size_t table_limit(const std::string& directory) {
  const int entries = conntrack_setting(directory, "nf_conntrack_max").value_or(0);
  return entries > 0 ? static_cast<std::size_t>(entries) : 0;
}

std::size_t table_size(const std::string& directory) {
  const int entries = conntrack_setting(directory, "nf_conntrack_count").value_or(0);
  return entries > 0 ? static_cast<std::size_t>(entries) : 0;
}

}  // namespace ctflow
