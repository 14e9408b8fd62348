// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/table_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conntrack/flow/timeouts.hpp"
#include "findings/table_fill.hpp"
#include "netlink/conntrack_settings.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

/// By enum tcp_conntrack.
constexpr std::size_t kEstablished = 3;

void check_fill(const std::string& directory, std::vector<Finding>& found) {
  if (const auto finding = table_nearly_full(table_size(directory), table_limit(directory))) {
    found.push_back(*finding);
  }
}

/// Without interim reports a connection is exported when it leaves the table, its timeout after its
/// last packet.
void check_lateness(const SourceConfig& config, const Capabilities& measured,
                    const std::string& directory, std::vector<Finding>& found) {
  constexpr std::chrono::hours kLate{1};
  if (config.active_timeout.count() != 0 || measured.reports) return;
  const TimeoutsRead timeouts = read_timeouts({}, directory);
  const auto established = timeouts.values.tcp[kEstablished];
  if (timeouts.failure || established <= kLate) return;
  found.push_back(
      {"timeouts_late",
       fmt::format(
           "with source.active_timeout off, a TCP connection that is not closed is exported {} h "
           "after its last packet, and a long one only at its end",
           std::chrono::duration_cast<std::chrono::hours>(established).count()),
       "set source.active_timeout, or sysctl -w "
       "net.netfilter.nf_conntrack_tcp_timeout_established=3600"});
}

void check_reported(const SourceConfig& config, const std::string& directory,
                    std::vector<Finding>& found) {
  const std::size_t entries = table_size(directory);
  if (config.active_timeout.count() == 0 || entries <= config.max_reported_connections) return;
  found.push_back({"live_connections_small",
                   fmt::format("the table has {}, and interim reports are possible for {}: the "
                               "others are exported only at their end",
                               text::count_text(entries, "connection", "connections"),
                               text::count_text(config.max_reported_connections)),
                   fmt::format("set source.live_connections to {} or more", entries * 2)});
}

}  // namespace

std::vector<Finding> check_table(const SourceConfig& config, const Capabilities& measured,
                                 const std::string& directory) {
  std::vector<Finding> found;
  check_fill(directory, found);
  check_lateness(config, measured, directory, found);
  check_reported(config, directory, found);
  return found;
}

}  // namespace ctflow
