// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/settings.hpp"

#include <algorithm>
#include <map>

#include "config/accounting_settings.hpp"
#include "config/connection_log_settings.hpp"
#include "config/nat_log_settings.hpp"
#include "config/source_settings.hpp"
#include "config/suggestion.hpp"
#include "config/transport_settings.hpp"
#include "encode/elements.hpp"
#include "export/collector_domains.hpp"
#include "export/profile.hpp"

namespace ctflow::config {
namespace {

ValueFormat<Protocol> protocol() {
  const std::string netflow9 = "did you mean \"netflow9\"?";
  const std::string old = "not supported: use netflow9 or ipfix";
  return with_hints(
      choice<Protocol>({{"ipfix", Protocol::kIpfix}, {"netflow9", Protocol::kNetflow9}}),
      {{"netflow-v9", netflow9},
       {"netflow_v9", netflow9},
       {"netflowv9", netflow9},
       {"netflow", netflow9},
       {"v9", netflow9},
       {"9", netflow9},
       {"10", "did you mean \"ipfix\"?"},
       {"v10", "did you mean \"ipfix\"?"},
       {"5", old},
       {"v5", old},
       {"netflow5", old},
       {"netflow-v5", old},
       {"sflow",
        "not supported: sFlow samples packets, which ctflowd does not see; use ipfix or "
        "netflow9"}});
}

ValueFormat<GroupMode> group_mode() {
  return choice<GroupMode>({{"failover", GroupMode::kFailover}, {"balance", GroupMode::kBalance}});
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

ValueFormat<Profile> profile() {
  std::vector<std::pair<std::string, Profile>> words;
  for (const ProfileRow& row : profiles()) words.emplace_back(row.name, row.profile);
  return choice<Profile>(words);
}

ValueFormat<std::string> element() {
  return {"the name of an Information Element that ctflowd can fill (docs/protocol.md)",
          [](std::string_view text) -> Parsed<std::string> {
            if (find_element(text) != nullptr) return {std::string(text), ""};
            if (text == "flowDirection") {
              return {std::nullopt,
                      "a record covers the interface where packets came in and the one where they "
                      "went out, so neither direction would be true"};
            }
            const std::optional<std::string> nearest = nearest_word(text, element_names());
            return {std::nullopt, nearest ? "did you mean " + *nearest + "?" : ""};
          }};
}

/// Elements of one format only.
std::optional<Complaint> check_element_formats(const CollectorConfig& collector) {
  const bool ipfix = collector.protocol == Protocol::kIpfix;
  for (const std::string& name : collector.elements) {
    if (fits(*find_element(name), ipfix ? Protocol::kIpfix : Protocol::kNetflow9)) {
      continue;
    }
    return Complaint{"elements",
                     fmt::format("{} exists only in {}, this collector gets {}", name,
                                 ipfix ? "NetFlow v9" : "IPFIX", ipfix ? "IPFIX" : "NetFlow v9")};
  }
  return std::nullopt;
}

/// Records of the other family would have no addresses.
std::optional<Complaint> check_element_families(const CollectorConfig& collector) {
  const auto has = [&](const char* name) {
    return std::find(collector.elements.begin(), collector.elements.end(), name) !=
           collector.elements.end();
  };
  for (const std::string side : {"source", "destination"}) {
    const std::string ipv4 = side + "IPv4Address";
    const std::string ipv6 = side + "IPv6Address";
    if (has(ipv4.c_str()) == has(ipv6.c_str())) continue;
    return Complaint{"elements",
                     fmt::format("{} without {}: connections of the other family would have no "
                                 "address; list both",
                                 has(ipv4.c_str()) ? ipv4 : ipv6, has(ipv4.c_str()) ? ipv6 : ipv4)};
  }
  if (const auto kind = kind_without_elements(collector.elements)) {
    return Complaint{"elements", fmt::format("records of {} would be empty; add an element that "
                                             "they have, such as octetDeltaCount",
                                             *kind)};
  }
  return std::nullopt;
}

std::optional<Complaint> check_records(const CollectorConfig& collector) {
  if (!row_of(collector.profile).in_netflow9 && collector.protocol == Protocol::kNetflow9) {
    return Complaint{"profile",
                     "biflow needs protocol: ipfix (RFC 5103 has no NetFlow v9 counterpart)"};
  }
  if (collector.elements.empty()) return std::nullopt;
  if (collector.profile != Profile::kDefault) {
    return Complaint{"elements", "expected either elements or a profile, got both"};
  }
  if (auto complaint = check_element_formats(collector)) return complaint;
  return check_element_families(collector);
}

/// A datagram cannot leave from an address of the other family.
std::optional<Complaint> check_source_family(const CollectorConfig& collector) {
  const int to = address_family(collector.address);
  const int from = address_family(collector.source_address);
  if (to == 0 || from == 0 || to == from) return std::nullopt;
  return Complaint{"source_address",
                   fmt::format("expected an IPv{} address, as the collector's is, got IPv{}: {}",
                               to, from, collector.source_address)};
}

std::optional<Complaint> check_collector(const CollectorConfig& collector) {
  if (auto complaint = check_transport(collector)) return complaint;
  if (auto complaint = check_source_family(collector)) return complaint;
  return check_records(collector);
}

Section<CollectorConfig> collector() {
  using C = CollectorConfig;
  return {{
              value("name", kRequired, identifier(), &C::name),
              value("address", kOptional, host(), &C::address),  // but for a file
              value("port", kOptional, port(), &C::port),        // but for a file
              value("protocol", kRequired, protocol(), &C::protocol),
              value("source_address", kOptional, numeric_address(), &C::source_address),
              value("bind_device", kOptional, device(), &C::bind_device),
              value("dscp", kOptional, integer(0, 63), &C::dscp),
              value("observation_domain", kOptional, integer_or_auto(0, kMax32),
                    &C::observation_domain),
              value("max_message_size", kOptional, integer(512, 65507), &C::max_message_size),
              value("flush_after", kOptional, duration("1ms", "60s"), &C::flush_after),
              value("template_interval", kOptional, duration("1s", "1h"), &C::template_interval),
              value("template_messages", kOptional, integer(1, 1'000'000), &C::template_messages),
              value("sampling_options", kOptional, boolean(), &C::sampling_options),
              value("statistics_options", kOptional, boolean(), &C::statistics_options),
              value("options_interval", kOptional, duration("1s", "24h"), &C::options_interval),
              value("resolve_interval", kOptional, duration("1s", "24h"), &C::resolve_interval),
              value("profile", kOptional, profile(), &C::profile),
              words("elements", kOptional, "element names", element(), &C::elements),
              value("next_hop", kOptional, boolean(), &C::next_hop),
              value("zones", kOptional, boolean(), &C::zones),
              value("packet_properties", kOptional, boolean(), &C::packet_properties),
              value("interface_names", kOptional, boolean(), &C::interface_names),
              value("transport", kOptional, transport_kind(), &C::transport),
              section("tls", kOptional, tls_settings(), &C::tls),
              section("spool", kOptional, spool_settings(), &C::spool),
              section("file", kOptional, file_settings(), &C::file),
          },
          check_collector};
}

std::optional<Complaint> check_group(const GroupConfig& group) {
  if (group.collectors.size() >= 2) return std::nullopt;
  return Complaint{"collectors", "expected at least two collectors: one alone needs no group"};
}

Section<GroupConfig> group() {
  using G = GroupConfig;
  return {{
              value("name", kRequired, identifier(), &G::name),
              value("mode", kRequired, group_mode(), &G::mode),
              words("collectors", kRequired, "collector names", identifier(), &G::collectors),
              value("failback_after", kOptional, duration("1s", "1h"), &G::failback_after),
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
  const auto shares = [](const CollectorConfig& one, const CollectorConfig& other) {
    const bool from_two = !one.source_address.empty() && !other.source_address.empty() &&
                          one.source_address != other.source_address;
    return one.observation_domain && one.observation_domain == other.observation_domain &&
           !from_two && same_destination(one, other);
  };
  const auto& all = config.collectors;
  for (auto other = all.begin(); other != all.end(); ++other) {
    const auto one = std::find_if(all.begin(), other, [&](const CollectorConfig& earlier) {
      return shares(earlier, *other);
    });
    if (one == other) continue;
    return Complaint{"collectors",
                     fmt::format("{} and {} send to the same address and port with the same "
                                 "observation_domain {}: the collector would take their two "
                                 "sequences for one; give each its own, or leave it out",
                                 one->name, other->name, *one->observation_domain)};
  }
  return std::nullopt;
}

std::optional<Complaint> check_whole(const Config& config) {
  if (auto complaint = check_connection_logs(config)) return complaint;
  if (auto complaint = check_members(config)) return complaint;
  if (auto complaint = check_own_status(config)) return complaint;
  if (auto complaint = check_domains(config)) return complaint;
  return check_destinations(config);
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
          },
          {}};
}

Section<LogConfig> log() { return {{value("level", kOptional, level(), &LogConfig::level)}, {}}; }

}  // namespace

static_assert(sizeof(Config) == sizeof(SealedConfig) + sizeof(ReloadableConfig),
              "a setting belongs to one of the two: what a reload does with it follows from that");

Section<Config> settings() {
  return {{
              list("collectors", kOptional, collector(), &Config::collectors, "name",
                   &CollectorConfig::name),
              list("groups", kOptional, group(), &Config::groups, "name", &GroupConfig::name),
              list("log_connections", kOptional, connection_log_settings(),
                   &Config::log_connections, "name", &ConnectionLogConfig::name),
              list("namespaces", kOptional, network_namespace(), &Config::namespaces, "name",
                   &NamespaceConfig::name),
              section("source", kOptional, source_settings(), &Config::source),
              section("interfaces", kOptional, interfaces(), &Config::interfaces),
              section("status", kOptional, status(), &Config::status),
              section("nat_log", kOptional, nat_log_settings(), &Config::nat_log),
              section("accounting", kOptional, accounting_settings(), &Config::accounting),
              section("log", kOptional, log(), &Config::log),
              value("user", kOptional, identifier(), &Config::user),
          },
          check_whole};
}

std::string show(const Config& config) { return show_section(settings(), config, ""); }

std::vector<std::string> sealed_settings() {
  std::vector<std::string> names;
  for (const Setting<Config>& setting : settings().settings) {
    if (setting.sealed) names.push_back(setting.key);
  }
  return names;
}

std::vector<std::string> needing_restart(const Config& now, const Config& next) {
  std::vector<std::string> all;
  for (const Setting<Config>& setting : settings().settings) {
    if (!setting.sealed) continue;
    const std::vector<std::string> changed = setting.changed(now, next);
    all.insert(all.end(), changed.begin(), changed.end());
  }
  return all;
}

}  // namespace ctflow::config
