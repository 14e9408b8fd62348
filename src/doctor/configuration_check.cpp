// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/configuration_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "export/collector_domains.hpp"
#include "export/profile.hpp"

namespace ctflow {
namespace {

/// Names of the collectors for which something holds, with commas.
template <typename Holds>
std::string names_of(const Config& config, Holds holds) {
  std::vector<std::string> names;
  for (const CollectorConfig& one : config.collectors) {
    if (holds(one)) names.push_back(one.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

void check_akvorado(const Config& config, Findings& found) {
  const std::string netflow9 = names_of(config, [](const CollectorConfig& one) {
    return row_of(one.profile).misreads_netflow9_times && one.protocol == Protocol::kNetflow9;
  });
  if (!netflow9.empty()) {
    found.wrong.push_back({"akvorado_netflow9",
                           netflow9 + ": from NetFlow v9 Akvorado computes start times that are "
                                      "605 to 6 731 s early",
                           "set protocol to ipfix"});
  }
  const std::string unsampled = names_of(config, [](const CollectorConfig& one) {
    return row_of(one.profile).needs_sampling_options && !one.sampling_options;
  });
  if (!unsampled.empty()) {
    found.wrong.push_back({"akvorado_sampling_unknown",
                           unsampled + ": Akvorado drops flows without a sampling rate, unless it "
                                       "has a default-sampling-rate",
                           "set sampling_options to true"});
  }
  // A record's octets appear at one moment, however long it lasted.
  const auto active = config.source.active_timeout;
  const std::string bursts = names_of(config, [active](const CollectorConfig& one) {
    const auto longest = row_of(one.profile).longest_active_timeout;
    return longest.count() != 0 && (active.count() == 0 || active > longest);
  });
  if (!bursts.empty()) {
    found.wrong.push_back({"active_timeout_long",
                           bursts + ": Akvorado shows long connections as bursts",
                           "set source.active_timeout to 10s"});
  }
}

/// Profiles that some collectors cannot read: which collector it is the configuration does not say.
void check_profiles(const Config& config, Findings& found) {
  for (const ProfileRow& row : profiles()) {
    if (row.note.event.empty()) continue;
    const std::string users = names_of(config, [&row](const CollectorConfig& one) {
      return one.elements.empty() && one.profile == row.profile;
    });
    if (users.empty()) continue;
    found.notes.push_back({std::string(row.note.event), fmt::format("{}: {}", users, row.note.text),
                           std::string(row.note.fix)});
  }
}

/// What NetFlow v5 leaves out. Its settings refuse what else it cannot express.
void check_netflow5(const Config& config, Findings& found) {
  const std::string users = names_of(
      config, [](const CollectorConfig& one) { return one.protocol == Protocol::kNetflow5; });
  if (users.empty()) return;
  found.notes.push_back({"netflow5_ipv4_only",
                         users + ": NetFlow v5 has no records of IPv6, which is counted as "
                                 "unrepresentable, and no translated addresses",
                         "set protocol to ipfix or netflow9 if the collector reads it"});
}

/// Whether no flow goes to both, or filters choose what does.
bool share_flows(const Config& config, const CollectorConfig& one, const CollectorConfig& other) {
  if (!one.filter.empty() || !other.filter.empty()) return true;
  const auto has = [](const GroupConfig& group, const CollectorConfig& member) {
    return std::find(group.collectors.begin(), group.collectors.end(), member.name) !=
           group.collectors.end();
  };
  return std::any_of(config.groups.begin(), config.groups.end(), [&](const GroupConfig& group) {
    return has(group, one) && has(group, other);
  });
}

void check_repetition(const Config& config, Findings& found) {
  const auto events = [](const CollectorConfig& one) { return !row_of(one.profile).counts; };
  std::map<std::string, std::vector<const CollectorConfig*>> earlier;  // by where they send to
  for (const CollectorConfig& other : config.collectors) {
    const std::string to = destination(other);
    if (to.empty()) continue;
    for (const CollectorConfig* const one : earlier[to]) {
      if (events(*one) != events(other) || share_flows(config, *one, other)) continue;
      found.wrong.push_back(
          {"collector_twice",
           fmt::format(
               "{} and {} send to the same address and port: the collector there gets every "
               "{} twice",
               one->name, other.name, events(*one) ? "NAT event" : "flow"),
           "remove one of the two"});
    }
    earlier[to].push_back(&other);
  }
}

/// Which of a group's collectors is used must not decide what is exported.
void check_groups(const Config& config, Findings& found) {
  for (const GroupConfig& group : config.groups) {
    const auto members = [&](bool netflow5) {
      return names_of(config, [&](const CollectorConfig& one) {
        const bool in = std::find(group.collectors.begin(), group.collectors.end(), one.name) !=
                        group.collectors.end();
        return in && (one.protocol == Protocol::kNetflow5) == netflow5;
      });
    };
    const std::string poorer = members(true);
    if (poorer.empty() || members(false).empty()) continue;
    found.wrong.push_back(
        {"group_netflow5",
         fmt::format("in the group {} NetFlow v5 goes to {}, and not to {}: flows of IPv6, and "
                     "translated addresses, are lost whenever the former gets the flows",
                     group.name, poorer, members(false)),
         "set the same protocol for all collectors of the group"});
  }
}

}  // namespace

Findings check_configuration(const Config& config) {
  Findings found;
  check_akvorado(config, found);
  check_profiles(config, found);
  check_netflow5(config, found);
  check_repetition(config, found);
  check_groups(config, found);
  return found;
}

}  // namespace ctflow
