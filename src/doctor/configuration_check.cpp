// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/configuration_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "export/collector_domains.hpp"

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
  const auto akvorado = [](const CollectorConfig& one) {
    return one.profile == Profile::kAkvorado;
  };
  const std::string netflow9 = names_of(config, [&](const CollectorConfig& one) {
    return akvorado(one) && one.protocol == Protocol::kNetflow9;
  });
  if (!netflow9.empty()) {
    found.wrong.push_back({"akvorado_netflow9",
                           netflow9 + ": from NetFlow v9 Akvorado reads starts that are 605 to "
                                      "6731 s early",
                           "set protocol to ipfix"});
  }
  const std::string unsampled = names_of(
      config, [&](const CollectorConfig& one) { return akvorado(one) && !one.sampling_options; });
  if (!unsampled.empty()) {
    found.wrong.push_back({"akvorado_sampling_unknown",
                           unsampled + ": Akvorado drops flows whose sampling rate it does not "
                                       "know, unless it has a default-sampling-rate",
                           "set sampling_options to true"});
  }
  constexpr std::chrono::seconds kLongest{10};
  const auto active = config.source.active_timeout;
  const std::string bursts = names_of(config, akvorado);
  if (!bursts.empty() && (active.count() == 0 || active > kLongest)) {
    // It spreads nothing: what a long connection carried appears where its record does.
    found.wrong.push_back({"active_timeout_long",
                           bursts + ": Akvorado shows long connections as bursts",
                           "set source.active_timeout to 10s"});
  }
}

/// Profiles that some collectors lose without a word: the configuration cannot tell which these
/// are.
void check_profiles(const Config& config, Findings& found) {
  const auto with = [&](Profile profile) {
    return names_of(config, [profile](const CollectorConfig& one) {
      return one.elements.empty() && one.profile == profile;
    });
  };
  const std::string biflow = with(Profile::kBiflow);
  if (!biflow.empty()) {
    found.notes.push_back({"biflow_support",
                           biflow + ": nfdump, ipfixcol2, libfixbuf, Akvorado and tshark read the "
                                    "reverse counters; pmacct, goflow2, FastNetMon, SiLK flowcap, "
                                    "Graylog, vFlow and python-netflow lose or corrupt them",
                           "set profile to default for one of the latter"});
  }
  const std::string minimal = with(Profile::kMinimal);
  if (!minimal.empty()) {
    found.notes.push_back({"minimal_without_interfaces",
                           minimal + ": records without interfaces; Akvorado drops them",
                           "set profile to akvorado for Akvorado"});
  }
}

/// Whether no flow goes to both.
bool share_flows(const Config& config, const CollectorConfig& one, const CollectorConfig& other) {
  const auto has = [](const GroupConfig& group, const CollectorConfig& member) {
    return std::find(group.collectors.begin(), group.collectors.end(), member.name) !=
           group.collectors.end();
  };
  return std::any_of(config.groups.begin(), config.groups.end(), [&](const GroupConfig& group) {
    return has(group, one) && has(group, other);
  });
}

void check_repetition(const Config& config, Findings& found) {
  const auto events = [](const CollectorConfig& one) { return one.profile == Profile::kNatEvents; };
  const auto& all = config.collectors;
  for (auto other = all.begin(); other != all.end(); ++other) {
    for (auto one = all.begin(); one != other; ++one) {
      if (!same_destination(*one, *other) || events(*one) != events(*other) ||
          share_flows(config, *one, *other)) {
        continue;
      }
      found.wrong.push_back(
          {"collector_twice",
           fmt::format(
               "{} and {} send to the same address and port: the collector there gets every "
               "{} twice",
               one->name, other->name, events(*one) ? "NAT event" : "flow"),
           "remove one of the two"});
    }
  }
}

}  // namespace

Findings check_configuration(const Config& config) {
  Findings found;
  check_akvorado(config, found);
  check_profiles(config, found);
  check_repetition(config, found);
  return found;
}

}  // namespace ctflow
