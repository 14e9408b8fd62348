// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/kernel_check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "netlink/conntrack_settings.hpp"
#include "text/errno_text.hpp"

namespace ctflow {
namespace {

/// errno of reading settings that may exist; 0: they can be read, or do not exist.
int find_obstacle(const std::string& directory) {
  constexpr std::array kNames{"nf_conntrack_acct", "nf_conntrack_timestamp", "nf_conntrack_events"};
  for (const char* name : kNames) {
    std::uint32_t value = 0;
    // As they are read later: that takes two descriptors.
    const std::error_code error = SettingsReader(directory).read(name, value);
    if (error && error != std::errc::no_such_file_or_directory) return error.value();
  }
  // Without conntrack the directory still exists, unless all settings are hidden.
  const std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  struct stat state {};
  return stat(parent.c_str(), &state) == 0 ? 0 : errno;
}

void check_events(const Capabilities& measured, const std::string& directory,
                  std::vector<Finding>& findings) {
  if (measured.ends) return;  // by records
  const std::uint32_t events = events_mode(directory);
  if (events == 0) {
    findings.push_back({"events_off",
                        "the kernel sends no events of connections that begin: their ends are not "
                        "exported, and what they count after their last interim report is lost",
                        "sysctl -w net.netfilter.nf_conntrack_events=1"});
  } else if (events == 2) {
    findings.push_back({"events_on_demand",
                        "connections created before ctflowd started are not reported when they end",
                        "sysctl -w net.netfilter.nf_conntrack_events=1"});
  }
}

}  // namespace

std::vector<Finding> check_kernel(const Capabilities& measured, const std::string& directory) {
  std::vector<Finding> findings;
  if (const int obstacle = find_obstacle(directory); obstacle != 0) {
    findings.push_back(
        {"settings_unreadable",
         fmt::format("whether connections are tracked, counted and reported could not be checked: "
                     "{}: {}",
                     directory, text::errno_text(obstacle)),
         "let ctflowd read it: no ProcSubset=pid in its unit, /proc mounted in its root, enough "
         "descriptors (LimitNOFILE)"});
    return findings;
  }
  const auto accounting = conntrack_setting(directory, "nf_conntrack_acct");
  if (!accounting) {
    findings.push_back({"conntrack_missing",
                        "connections are not tracked, nothing will be exported",
                        "modprobe nf_conntrack"});
    return findings;
  }
  if (*accounting == 0) {
    findings.push_back({"accounting_off", "connections have no counters and cannot be exported",
                        "sysctl -w net.netfilter.nf_conntrack_acct=1"});
  }
  if (conntrack_setting(directory, "nf_conntrack_timestamp").value_or(0) == 0) {
    findings.push_back({"timestamps_off", "start and end of a flow are the time of its event",
                        "sysctl -w net.netfilter.nf_conntrack_timestamp=1"});
  }
  check_events(measured, directory, findings);
  if (measured.origin == MeasurementOrigin::kKernelPatch && !measured.active()) {
    findings.push_back(
        {"flow_measurement_off",
         "this kernel can measure packet times, interfaces, TCP flags and packets as on "
         "the wire, but it is switched off",
         "sysctl -w net.netfilter.nf_conntrack_flow=1"});
  }
  return findings;
}

}  // namespace ctflow
