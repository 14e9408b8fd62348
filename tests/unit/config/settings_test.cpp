// SPDX-License-Identifier: GPL-2.0-or-later
// Holds config/ctflowd.yaml and the table of settings together, so that neither can go stale.
#include "config/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "support/source_directory.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

const std::string kDocumented = test::source_directory() + "/config/ctflowd.yaml";

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string documented_text() { return text_of(kDocumented); }

/// The text with every `#key: value` put to use; comments have a space after the `#`.
std::string put_to_use(const std::string& text) {
  const std::string used = std::regex_replace(text, std::regex("(\n *)#([a-z_]+:)(?=\\s)"), "$1$2");
  // The files that are read with the settings.
  return std::regex_replace(used, std::regex("/etc/ctflowd/(networks|services)"),
                            test::source_directory() + "/tests/config/$1");
}

/// The settings of a filter's rules, and the filter itself.
std::vector<std::string> filter_paths(const std::string& filter) {
  std::vector<std::string> all{filter};
  for (const char* const key :
       {"action", "name", "protocols", "networks", "sources", "destinations", "marks",
        "post_nat_networks", "post_nat_sources", "post_nat_destinations", "ports", "source_ports",
        "destination_ports", "interfaces", "ingress_interfaces", "egress_interfaces", "zones"}) {
    all.push_back(filter + "[]." + key);
  }
  return all;
}

/// Every setting that occurs, as `key[].key`.
void collect(const YamlNode& node, const std::string& path, std::multiset<std::string>& found) {
  for (const YamlNode& child : node.children) {
    const bool item = node.kind == YamlNode::Kind::kSequence;
    const std::string below =
        item ? path + "[]" : (path.empty() ? child.key : path + "." + child.key);
    if (!item) found.insert(below);
    collect(child, below, found);
  }
}

std::multiset<std::string> settings_in(const std::string& text) {
  std::multiset<std::string> found;
  collect(read_yaml(SourceText(text, "ctflowd.yaml")), "", found);
  return found;
}

TEST(DocumentedSettings, AreTheBuiltInDefaults) {
  const Config documented = load_config(kDocumented);
  ASSERT_EQ(documented.collectors.size(), 1U);
  Config defaults;
  CollectorConfig& collector = defaults.collectors.emplace_back();
  collector.name = documented.collectors[0].name;
  collector.address = documented.collectors[0].address;
  collector.port = documented.collectors[0].port;
  collector.protocol = documented.collectors[0].protocol;
  EXPECT_EQ(documented, defaults);
}

TEST(DocumentedSettings, AreEverySettingOnce) {
  const std::vector<std::string> known = paths(settings());
  EXPECT_THAT(settings_in(put_to_use(documented_text())),
              testing::UnorderedElementsAreArray(known));
}

/// What is stored in SQLite or read by libmaxminddb is refused without them: these examples, each
/// up to an empty line, are left out.
std::string without_what_needs_parts(std::string text) {
  if (!built_parts().sqlite) {
    text = std::regex_replace(text, std::regex("\n(nat_log|accounting):([^\n]|\n(?!\n))*"), "");
  }
  if (!built_parts().maxmind)
    text = std::regex_replace(text, std::regex("\nenrich:([^\n]|\n(?!\n))*"), "");
  return text;
}

/// Everything that is documented, as a configuration that is valid here. A group names other
/// collectors than the one with a filter of its own; the certificates do not exist here.
std::string all_put_to_use() {
  std::string text = without_what_needs_parts(put_to_use(documented_text()));
  text = std::regex_replace(text, std::regex("(\ncollectors:\n)"),
                            "$1  - {name: spare, address: ::1, port: 1, protocol: ipfix}\n"
                            "  - {name: other, address: ::1, port: 2, protocol: ipfix}\n");
  text = std::regex_replace(text, std::regex("collectors: \\[main, spare\\]"),
                            "collectors: [other, spare]");
  // They are refused beside to: file.
  text = std::regex_replace(text, std::regex("\n *brokers: [^\n]*"), "");
  return std::regex_replace(text, std::regex("\n *tls: [^\n]*"), "");
}

TEST(DocumentedSettings, LeaveOutOnlyWhatHasNoDefaultValue) {
  std::multiset<std::string> without = settings_in(documented_text());
  std::multiset<std::string> left_out;
  for (const std::string& path : paths(settings())) {
    if (without.count(path) == 0) left_out.insert(path);
  }
  for (const char* const filter :
       {"collectors[].filter", "groups[].filter", "log_connections[].filter"}) {
    for (const std::string& path : filter_paths(filter)) {
      EXPECT_EQ(left_out.erase(path), 1U) << path;
    }
  }
  EXPECT_THAT(
      left_out,
      testing::UnorderedElementsAre(
          "collectors[].source_address", "collectors[].bind_device", "collectors[].elements",
          "collectors[].enterprise_number", "groups", "groups[].name", "groups[].mode",
          "groups[].collectors", "groups[].failback_after", "namespaces", "namespaces[].name",
          "namespaces[].file", "namespaces[].observation_domain", "namespaces[].zones",
          "source.state_file", "source.filter", "source.filter.include",
          "source.filter.include[].protocols", "source.filter.include[].networks",
          "source.filter.include[].sources", "source.filter.include[].destinations",
          "source.filter.include[].marks", "source.filter.exclude",
          "source.filter.exclude[].protocols", "source.filter.exclude[].networks",
          "source.filter.exclude[].sources", "source.filter.exclude[].destinations",
          "source.filter.exclude[].marks", "interfaces.by_zone", "interfaces.by_zone[].zone",
          "interfaces.by_zone[].vrf", "interfaces.by_zone[].ingress", "interfaces.by_zone[].egress",
          "interfaces.by_mark", "interfaces.by_mark[].mark", "interfaces.by_mark[].mask",
          "interfaces.by_mark[].vrf", "interfaces.by_mark[].ingress", "interfaces.by_mark[].egress",
          "collectors[].tls", "collectors[].tls.server_name", "collectors[].tls.ca_file",
          "collectors[].tls.certificate", "collectors[].tls.key", "collectors[].spool.directory",
          "collectors[].file.directory", "nat_log", "nat_log.retention", "nat_log.directory",
          "nat_log.destination", "nat_log.log", "nat_log.commit_interval", "nat_log.queue", "user",
          "enrich", "enrich.as_database", "enrich.country_database", "enrich.user_names",
          "accounting", "accounting.aggregates", "accounting.aggregates[].name",
          "accounting.aggregates[].by", "accounting.aggregates[].max_keys", "accounting.database",
          "accounting.commit_interval", "accounting.time_zone", "accounting.period",
          "accounting.retention", "accounting.retention.minutes", "accounting.retention.hours",
          "accounting.retention.days", "accounting.retention.periods", "accounting.inside",
          "accounting.networks", "accounting.networks[].name", "accounting.networks[].networks",
          "accounting.networks[].quota", "accounting.networks_file", "accounting.metrics",
          "accounting.metrics.by", "accounting.metrics.limit", "accounting.devices[].quota",
          "accounting.devices", "accounting.devices[].name", "accounting.devices[].addresses",
          "accounting.device_files", "accounting.services", "accounting.services[].name",
          "accounting.services[].ports", "accounting.services_file", "log_connections",
          "log_connections[].name", "log_connections[].to", "log_connections[].path",
          "log_connections[].brokers", "log_connections[].topic", "log_connections[].settings",
          "log_connections[].address", "log_connections[].port", "log_connections[].flush_after",
          "log_connections[].buffer", "log_connections[].mac_addresses",
          "log_connections[].network_origins", "log_connections[].rotate",
          "log_connections[].rotate.size", "log_connections[].rotate.interval",
          "log_connections[].rotate.keep", "log_connections[].spool",
          "log_connections[].spool.memory", "log_connections[].spool.directory",
          "log_connections[].spool.size", "log_connections[].spool.max_age",
          "log_connections[].spool.rate", "log_connections[].postgresql",
          "log_connections[].postgresql.connection", "log_connections[].postgresql.table",
          "log_connections[].postgresql.retention", "status.hosts"));
}

TEST(Show, WritesWhatReadsTheSame) {
  const std::string everything = all_put_to_use();
  for (const std::string& text : {documented_text(), everything}) {
    const Config config = parse_config(text, "ctflowd.yaml");
    EXPECT_EQ(parse_config(show(config), "shown"), config) << show(config);
  }
}

TEST(Show, HasEverySettingWithADefaultValue) {
  const std::string shown = show(parse_config(documented_text(), "ctflowd.yaml"));
  EXPECT_EQ(settings_in(shown), settings_in(documented_text())) << shown;
}

TEST(Show, QuotesWhatYamlWouldReadOtherwise) {
  Config config = parse_config(documented_text(), "ctflowd.yaml");
  config.collectors[0].name = "null";
  config.collectors[0].address = "2001:db8::1";
  config.collectors[0].file.directory = "/a b/\"c\\d: #\n";
  EXPECT_EQ(parse_config(show(config), "shown"), config) << show(config);
  EXPECT_THAT(show(config), testing::HasSubstr("    address: \"2001:db8::1\"\n"));
}

TEST(DocumentedSettings, AreValidWhenPutToUse) {
  const std::string text = all_put_to_use();
  Config config = parse_config(text, "ctflowd.yaml");
  ASSERT_EQ(config.groups.size(), 1U);
  EXPECT_EQ(config.groups[0].filter.size(), 1U);
  config.groups[0].filter.clear();
  EXPECT_EQ(
      config.groups[0],
      (GroupConfig{"pair", GroupMode::kFailover, {"other", "spare"}, std::chrono::seconds(30)}));
  ASSERT_EQ(config.log_connections.size(), 1U);
  ConnectionLogConfig log;
  log.name = "local";
  log.path = "/var/log/ctflowd/connections.json";
  log.address = "192.0.2.11";
  log.port = 5170;
  log.rotate = {std::uint64_t{100} << 20, std::chrono::hours(24), 14};
  log.spool.directory = "/var/lib/ctflowd/spool";
  log.postgresql.connection = "host=db.example.net dbname=flows user=ctflowd";
  log.postgresql.retention = std::chrono::days(90);
  EXPECT_EQ(config.log_connections[0].filter.size(), 1U);
  config.log_connections[0].filter.clear();
  EXPECT_EQ(config.log_connections[0], log) << "what has a default is documented with it";
  EXPECT_EQ(config.namespaces,
            (std::vector<NamespaceConfig>{{"red", "/run/netns/red", std::nullopt, {9}}}));
  ASSERT_EQ(config.source.filter.include.size(), 1U);
  EXPECT_EQ(config.source.filter.include[0].protocols, (std::vector<std::uint64_t>{6, 17, 47}));
  EXPECT_EQ(config.source.filter.include[0].marks,
            (std::vector<MarkMatch>{{1, 0xffff'ffff}, {16, 255}}));
  ASSERT_EQ(config.source.filter.exclude.size(), 1U);
  EXPECT_EQ(config.source.filter.exclude[0].destinations[0].length, 32);
  ASSERT_EQ(config.collectors.size(), 3U);
  config.collectors.erase(config.collectors.begin(), config.collectors.begin() + 2);
  EXPECT_EQ(config.collectors.at(0).spool.directory, "/var/lib/ctflowd/spool");
  EXPECT_EQ(config.collectors.at(0).file.directory, "/var/lib/ctflowd/files");
  EXPECT_EQ(config.collectors.at(0).source_address, "198.51.100.1");
  EXPECT_EQ(config.collectors.at(0).bind_device, "eth0");
  NatLogConfig nat_log;  // but for the retention the example has the defaults
  if (built_parts().sqlite) nat_log.retention = std::chrono::days(180);
  EXPECT_EQ(config.nat_log, nat_log);
  if (built_parts().sqlite) {
    AccountingConfig accounting;  // what has a default is documented with it
    accounting.aggregates = {{"all", {AccountingKey::kDevice, AccountingKey::kNetwork}, 10'000}};
    accounting.inside = config.accounting.inside;
    accounting.networks = config.accounting.networks;
    accounting.networks_file = config.accounting.networks_file;
    accounting.networks_in_file = {{"office", {{AddressFamily::kIpv4, {{192, 168, 2}}, 24}}}};
    accounting.devices = {{"laptop", {0x02005e005301, 0x02005e005302}, 100'000'000'000}};
    accounting.metrics.by = AccountingKey::kNetwork;
    accounting.services = {{"https", {{6, 443}, {17, 443}}}};
    accounting.services_file = config.accounting.services_file;
    accounting.services_in_file = {{"shop", {{6, 8443}}}, {"sip", {{6, 5060}, {17, 5060}}}};
    EXPECT_EQ(config.accounting, accounting);
    EXPECT_EQ(config.accounting.inside.size(), 2U);
  } else {
    EXPECT_EQ(config.accounting, AccountingConfig{});
  }
  EXPECT_EQ(config.user, "ctflowd");
  EXPECT_EQ(config.interfaces.by_zone, (std::vector<ZoneInterfaces>{{9, "red", 0, 0}}));
  EXPECT_EQ(config.interfaces.by_mark, (std::vector<MarkInterfaces>{{1, 255, "red", 0, 0}}));
}

TEST(Settings, HaveNoKeyTwice) {
  const std::vector<std::string> all = paths(settings());
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
}

TEST(Settings, HavePathsThroughListsAndSections) {
  EXPECT_THAT(paths(settings()),
              testing::IsSupersetOf({"collectors", "collectors[].port", "source",
                                     "source.batch_delay", "interfaces.egress", "log.level"}));
}

/// `a, b and c`, each with the mark of the document around it, line breaks as spaces.
std::string listed(const std::vector<std::string>& names, const std::string& mark) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += mark == "`" ? "`" + names[i] + ":`" : mark + names[i] + mark;
  }
  return text;
}

std::string on_one_line(const std::string& text) {
  return std::regex_replace(text, std::regex("\\s+"), " ");
}

TEST(SealedSettings, AreThoseOfTheirStruct) {
  EXPECT_THAT(sealed_settings(), testing::UnorderedElementsAre("namespaces", "threads", "source",
                                                               "status", "nat_log", "user"));
}

TEST(SealedSettings, AreNamedInTheDocuments) {
  const std::vector<std::string> sealed = sealed_settings();
  const std::string documents = test::source_directory() + "/docs/";
  EXPECT_THAT(on_one_line(text_of(documents + "man/ctflowd.8.scd")),
              testing::HasSubstr(listed(sealed, "*") + " need a restart"));
  EXPECT_THAT(on_one_line(text_of(documents + "operations.md")),
              testing::HasSubstr(listed(sealed, "`") + " need a restart"));
  // One sentence for each in the manual page of the file, and in the file.
  for (const std::string& file : {documents + "man/ctflowd.yaml.5.scd", kDocumented}) {
    const std::string text = std::regex_replace(text_of(file), std::regex("\n# "), " ");
    const std::regex sentence("A\\s+change\\s+needs\\s+a\\s+restart");
    EXPECT_EQ(static_cast<std::size_t>(
                  std::distance(std::sregex_iterator(text.begin(), text.end(), sentence), {})),
              sealed.size())
        << file;
  }
}

TEST(NeedingRestart, NamesWhatDiffersInSealedSettingsOnly) {
  Config now;
  Config next;
  next.log.level = LogLevel::kDebug;
  next.collectors.emplace_back();
  EXPECT_THAT(needing_restart(now, next), testing::IsEmpty());
  next.source.batch_delay = std::chrono::milliseconds(7);
  next.status.listen = "127.0.0.1:9995";
  next.namespaces.emplace_back();
  next.user = "ctflowd";
  EXPECT_THAT(
      needing_restart(now, next),
      testing::UnorderedElementsAre("source.batch_delay", "status.listen", "namespaces", "user"));
}

TEST(Contradiction, IsBetweenSettingsThatAreEachRight) {
  Config config;
  EXPECT_THAT(contradiction(config), testing::StartsWith("collectors: missing: expected a list"));
  config.collectors.emplace_back().name = "main";
  EXPECT_EQ(contradiction(config), "");
  config.collectors[0].observation_domain = 7;
  EXPECT_EQ(contradiction(config), "");
  config.namespaces.emplace_back().name = "blue";
  EXPECT_THAT(contradiction(config),
              testing::StartsWith("namespaces: the collector main has an observation_domain"));
}

}  // namespace
}  // namespace ctflow::config
