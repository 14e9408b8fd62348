// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/settings.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/accounting_settings.hpp"
#include "config/collector_settings.hpp"
#include "config/connection_log_settings.hpp"
#include "config/enrich_settings.hpp"
#include "config/missing_part.hpp"
#include "config/nat_log_settings.hpp"
#include "config/output_filter_settings.hpp"
#include "config/setting_words.hpp"
#include "config/source_settings.hpp"
#include "config/transport_settings.hpp"
#include "export/collector_domains.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

ValueFormat<Threads> threads() {
  return choice<Threads>({{"one", Threads::kOne}, {"namespaces", Threads::kNamespaces}});
}

ValueFormat<LogLevel> level() {
  return with_hints(choice<LogLevel>({{"debug", LogLevel::kDebug},
                                      {"info", LogLevel::kInfo},
                                      {"warning", LogLevel::kWarning},
                                      {"error", LogLevel::kError}}),
                    {{"warn", "did you mean \"warning\"?"},
                     {"err", "did you mean \"error\"?"},
                     {"notice", "did you mean \"info\"?"},
                     {"trace", "did you mean \"debug\"?"}});
}

std::optional<Complaint> check_group(const GroupConfig& group) {
  if (group.collectors.size() < 2) {
    return Complaint{"collectors", "expected at least two collectors: one alone needs no group"};
  }
  return check_filter(group.filter);
}

Section<GroupConfig> group() {
  using G = GroupConfig;
  return {{
              value("name", kRequired, identifier(), &G::name),
              value("mode", kRequired, choice_of(kGroupModeWords), &G::mode),
              words("collectors", kRequired, "collector names", identifier(), &G::collectors),
              value("failback_after", kOptional, duration("1s", "1h"), &G::failback_after),
              list("filter", kOptional, filter_rule(), &G::filter),
          },
          check_group};
}

Section<NamespaceConfig> network_namespace() {
  using N = NamespaceConfig;
  return {{
              value("name", kRequired, identifier(), &N::name),
              value("file", kOptional, absolute_path(), &N::file),
              value("observation_domain", kOptional, integer_or_auto(0, kMax32),
                    &N::observation_domain),
              words("zones", kOptional, "conntrack zones", integer(0, 65535), &N::zones),
          },
          {}};
}

/// What is exported must not depend on which of a group's collectors is used.
std::optional<Complaint> check_filters_of_members(const Config& config) {
  for (const CollectorConfig& collector : config.collectors) {
    for (const GroupConfig& group : config.groups) {
      const auto& members = group.collectors;
      const bool in = std::find(members.begin(), members.end(), collector.name) != members.end();
      if (!in || collector.filter.empty()) continue;
      return Complaint{"groups", fmt::format("the collector {} has a filter of its own: the group "
                                             "{} needs one for all its collectors, as its filter",
                                             collector.name, group.name)};
    }
  }
  return std::nullopt;
}

/// NAT events and flow reports are shared out apart from each other: in a group of both, each
/// collector would have its share of one kind, and the rest of either would be in no ledger.
std::optional<Complaint> check_profiles_of_members(const Config& config) {
  for (const GroupConfig& group : config.groups) {
    std::string flows;
    std::string events;
    for (const CollectorConfig& collector : config.collectors) {
      const auto& members = group.collectors;
      if (std::find(members.begin(), members.end(), collector.name) == members.end()) continue;
      (collector.profile == Profile::kNatEvents ? events : flows) = collector.name;
    }
    if (flows.empty() || events.empty()) continue;
    return Complaint{"groups",
                     fmt::format("in the group {} the collector {} has profile nat-events and {} "
                                 "has not: some flow reports would go to no collector; make a "
                                 "group of each kind, or leave one out",
                                 group.name, events, flows)};
  }
  return std::nullopt;
}

/// Every group's collectors exist and are in no other.
std::optional<Complaint> check_members(const Config& config) {
  std::map<std::string, std::string> group_of;
  for (const CollectorConfig& collector : config.collectors) group_of[collector.name];
  for (const GroupConfig& group : config.groups) {
    for (const std::string& name : group.collectors) {
      const auto found = group_of.find(name);
      if (found == group_of.end()) {
        return Complaint{"groups",
                         fmt::format("group {} names the collector {}, which is not in collectors",
                                     group.name, name)};
      }
      if (!found->second.empty()) {
        return Complaint{"groups", fmt::format("the collector {} is in two groups, {} and {}", name,
                                               found->second, group.name)};
      }
      found->second = group.name;
    }
  }
  return std::nullopt;
}

/// Two namespaces in one Observation Domain could not be distinguished.
std::optional<Complaint> check_domains(const Config& config) {
  std::map<std::uint32_t, std::string> name_of;
  for (const NamespaceConfig& one : config.namespaces) {
    if (!one.observation_domain) continue;
    const auto [first, is_new] = name_of.emplace(*one.observation_domain, one.name);
    if (is_new) continue;
    return Complaint{"namespaces", fmt::format("{} and {} have the same observation_domain {}",
                                               first->second, one.name, first->first)};
  }
  for (const CollectorConfig& collector : config.collectors) {
    if (config.namespaces.empty() || !collector.observation_domain) continue;
    return Complaint{"namespaces",
                     fmt::format("the collector {} has an observation_domain, which all namespaces "
                                 "would share: give it to the namespaces instead",
                                 collector.name)};
  }
  return std::nullopt;
}

/// Two entries in one Observation Domain of one collector, unless it sees them come from two
/// addresses.
std::optional<Complaint> check_destinations(const Config& config) {
  const auto from_two = [](const CollectorConfig& one, const CollectorConfig& other) {
    return !one.source_address.empty() && !other.source_address.empty() &&
           one.source_address != other.source_address;
  };
  using Sequence = std::pair<std::string, std::uint32_t>;
  std::map<Sequence, std::vector<const CollectorConfig*>> seen;
  for (const CollectorConfig& other : config.collectors) {
    if (!other.observation_domain || destination(other).empty()) continue;
    auto& earlier = seen[Sequence(destination(other), *other.observation_domain)];
    const auto one = std::find_if(earlier.begin(), earlier.end(), [&](const auto* candidate) {
      return !from_two(*candidate, other);
    });
    if (one == earlier.end()) {
      earlier.push_back(&other);
      continue;
    }
    return Complaint{"collectors",
                     fmt::format("{} and {} send to the same address and port with the same "
                                 "observation_domain {}: the collector would take their two "
                                 "sequences for one; give each its own, or leave it out",
                                 (*one)->name, other.name, *other.observation_domain)};
  }
  return std::nullopt;
}

std::optional<Complaint> check_threads(const Config& config) {
  if (config.threads == Threads::kOne || !config.namespaces.empty()) return std::nullopt;
  return Complaint{"threads", "expected one, as there are no namespaces, got namespaces"};
}

std::optional<Complaint> check_whole(const Config& config) {
  if (auto complaint = check_connection_logs(config)) return complaint;
  if (auto complaint = check_members(config)) return complaint;
  if (auto complaint = check_filters_of_members(config)) return complaint;
  if (auto complaint = check_profiles_of_members(config)) return complaint;
  if (auto complaint = check_own_status(config)) return complaint;
  if (auto complaint = check_domains(config)) return complaint;
  if (auto complaint = check_threads(config)) return complaint;
  if (auto complaint = check_destinations(config)) return complaint;
  if (auto complaint = check_enrich(config)) return complaint;
  // Last: all else is said as in any other build.
  if (!built_parts().status && !config.status.listen.empty()) {
    return Complaint{"status", kWithoutStatus};
  }
  return std::nullopt;
}

ValueFormat<InterfaceLookup> lookup() {
  return choice<InterfaceLookup>(
      {{"routes", InterfaceLookup::kRoutes}, {"constant", InterfaceLookup::kConstant}});
}

Section<ZoneInterfaces> zone_interfaces() {
  using Z = ZoneInterfaces;
  return {{
              value("zone", kRequired, integer(0, 65535), &Z::zone),
              value("vrf", kOptional, device(), &Z::vrf),
              value("ingress", kOptional, integer(0, kMax32), &Z::ingress),
              value("egress", kOptional, integer(0, kMax32), &Z::egress),
          },
          {}};
}

/// Such an entry could never fit.
std::optional<Complaint> check_mark(const MarkInterfaces& entry) {
  if ((entry.mark & ~entry.mask) == 0) return std::nullopt;
  return Complaint{"mark", fmt::format("expected only bits of the mask {}, got {}: {} would fit",
                                       entry.mask, entry.mark, entry.mark & entry.mask)};
}

Section<MarkInterfaces> mark_interfaces() {
  using M = MarkInterfaces;
  return {{
              value("mark", kRequired, integer(0, kMax32), &M::mark),
              value("mask", kOptional, integer(0, kMax32), &M::mask),
              value("vrf", kOptional, device(), &M::vrf),
              value("ingress", kOptional, integer(0, kMax32), &M::ingress),
              value("egress", kOptional, integer(0, kMax32), &M::egress),
          },
          check_mark};
}

Section<InterfacesConfig> interfaces() {
  using I = InterfacesConfig;
  return {
      {
          value("lookup", kOptional, lookup(), &I::lookup),
          value("ingress", kOptional, integer(0, kMax32), &I::ingress),
          value("egress", kOptional, integer(0, kMax32), &I::egress),
          list("by_zone", kOptional, zone_interfaces(), &I::by_zone, "zone", &ZoneInterfaces::zone),
          list("by_mark", kOptional, mark_interfaces(), &I::by_mark),
      },
      {}};
}

Section<StatusConfig> status() {
  using S = StatusConfig;
  return {{
              value("socket", kOptional, socket_path_or_off(), &S::socket),
              value("listen", kOptional, endpoint_or_off(), &S::listen),
              words("hosts", kOptional, "host names", host(), &S::hosts),
              value("page", kOptional, boolean(), &S::page),
          },
          {}};
}

Section<LogConfig> log() { return {{value("level", kOptional, level(), &LogConfig::level)}, {}}; }

}  // namespace

static_assert(sizeof(Config) == sizeof(SealedConfig) + sizeof(ReloadableConfig),
              "a setting belongs to one of the two: what a reload does with it follows from that");

Section<Config> settings() {
  return {{
              list("collectors", kOptional, collector_settings(), &Config::collectors, "name",
                   &CollectorConfig::name),
              list("groups", kOptional, group(), &Config::groups, "name", &GroupConfig::name),
              list("log_connections", kOptional, connection_log_settings(),
                   &Config::log_connections, "name", &ConnectionLogConfig::name),
              list("namespaces", kOptional, network_namespace(), &Config::namespaces, "name",
                   &NamespaceConfig::name),
              value("threads", kOptional, threads(), &Config::threads),
              section("source", kOptional, source_settings(), &Config::source),
              section("interfaces", kOptional, interfaces(), &Config::interfaces),
              section("enrich", kOptional, enrich_settings(), &Config::enrich),
              section("status", kOptional, status(), &Config::status),
              section("nat_log", kOptional, nat_log_settings(), &Config::nat_log),
              section("accounting", kOptional, accounting_settings(), &Config::accounting),
              section("log", kOptional, log(), &Config::log),
              value("user", kOptional, identifier(), &Config::user),
          },
          check_whole};
}

std::string show(const Config& config) { return show_section(settings(), config, ""); }

std::string json_schema() {
  nlohmann::ordered_json schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "ctflowd.yaml"},
      {"description", "Configuration of ctflowd(8), see ctflowd.yaml(5)"}};
  schema.update(nlohmann::ordered_json::parse(schema_of(settings())));
  return schema.dump(1);
}

std::vector<std::string> sealed_settings() {
  const Section<Config> whole = settings();
  std::vector<std::string> names;
  for (const UntypedSetting& setting : whole.settings) {
    if (setting.sealed) names.push_back(setting.key);
  }
  return names;
}

std::string contradiction(const Config& config) {
  const std::optional<Complaint> complaint = check_whole(config);
  return complaint ? fmt::format("{}: {}", complaint->key, complaint->message) : "";
}

std::vector<std::string> needing_restart(const Config& now, const Config& next) {
  const Section<Config> whole = settings();
  std::vector<std::string> all;
  for (const UntypedSetting& setting : whole.settings) {
    if (!setting.sealed) continue;
    const std::vector<std::string> changed = setting.changed(&now, &next);
    all.insert(all.end(), changed.begin(), changed.end());
  }
  return all;
}

}  // namespace ctflow::config
