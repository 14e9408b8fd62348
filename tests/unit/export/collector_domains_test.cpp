// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/collector_domains.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "export/observation_domain.hpp"

namespace ctflow {
namespace {

constexpr const char* kHost = "b08dfa6083e7567a1921a715000001fb";
const NamespaceConfig kHere{};

CollectorConfig entry(const std::string& name, const std::string& address = "192.0.2.1",
                      std::uint16_t port = 4739) {
  CollectorConfig collector;
  collector.name = name;
  collector.address = address;
  collector.port = port;
  return collector;
}

std::map<std::string, std::uint32_t> domains(const Config& config,
                                             const NamespaceConfig& where = kHere) {
  const auto list = observation_domains(config, where, kHost);
  std::map<std::string, std::uint32_t> all;
  for (std::size_t i = 0; i < list.size(); ++i) all[config.collectors[i].name] = list[i];
  return all;
}

std::uint32_t base() { return observation_domain_from(kHost); }

TEST(SameDestination, ComparesAddressPortAndTransport) {
  EXPECT_TRUE(same_destination(entry("a"), entry("b")));
  EXPECT_FALSE(same_destination(entry("a"), entry("b", "192.0.2.2")));
  EXPECT_FALSE(same_destination(entry("a"), entry("b", "192.0.2.1", 4740)));
  CollectorConfig tcp = entry("b");
  tcp.transport = TransportKind::kTcp;
  EXPECT_FALSE(same_destination(entry("a"), tcp));
  CollectorConfig netflow9 = entry("b");
  netflow9.protocol = Protocol::kNetflow9;
  EXPECT_TRUE(same_destination(entry("a"), netflow9));
}

TEST(SameDestination, KnowsAnAddressInAllItsSpellings) {
  EXPECT_TRUE(same_destination(entry("a", "2001:db8::1"), entry("b", "2001:DB8:0:0::0001")));
  EXPECT_TRUE(same_destination(entry("a", "::ffff:192.0.2.1"), entry("b")));
  EXPECT_TRUE(same_destination(entry("a", "Flows.Example."), entry("b", "flows.example")));
  EXPECT_FALSE(same_destination(entry("a", "flows.example"), entry("b")));
}

TEST(SameDestination, IsNoFile) {
  CollectorConfig file = entry("a", "", 0);
  file.transport = TransportKind::kFile;
  EXPECT_FALSE(same_destination(file, file));
}

TEST(CollectorDomains, AreThatOfTheHostForDifferentCollectors) {
  Config config;
  config.collectors = {entry("a"), entry("b", "192.0.2.2"), entry("c", "192.0.2.1", 9995)};
  EXPECT_EQ(observation_domains(config, kHere, kHost), std::vector<std::uint32_t>(3, base()));
}

TEST(CollectorDomains, DifferForEntriesOfOneCollector) {
  Config config;
  config.collectors = {entry("flows"), entry("nat"), entry("more"), entry("far", "192.0.2.2")};
  const auto all = domains(config);
  EXPECT_EQ(all.at("flows"), base()) << "the first by name keeps what it had";
  EXPECT_EQ(all.at("far"), base());
  EXPECT_EQ((std::set{all.at("flows"), all.at("nat"), all.at("more")}).size(), 3U);
}

TEST(CollectorDomains, DependNeitherOnTheOrderNorOnFurtherEntries) {
  Config config;
  config.collectors = {entry("flows"), entry("nat"), entry("more")};
  const auto before = domains(config);
  std::reverse(config.collectors.begin(), config.collectors.end());
  EXPECT_EQ(domains(config), before);
  config.collectors.push_back(entry("one.more"));
  config.collectors.push_back(entry("other", "192.0.2.2"));
  const auto after = domains(config);
  for (const auto& [name, domain] : before) EXPECT_EQ(after.at(name), domain) << name;
}

TEST(CollectorDomains, ArePinned) {
  // Another value after an upgrade would be another Observation Domain to every collector.
  Config config;
  config.collectors = {entry("flows"), entry("nat")};
  EXPECT_EQ(domains(config).at("nat"),
            observation_domain_from(std::string(kHost) + " collector nat"));
}

TEST(CollectorDomains, LeaveConfiguredOnesAloneAndStayClearOfThem) {
  Config config;
  config.collectors = {entry("flows"), entry("nat"), entry("third")};
  const std::uint32_t derived = domains(config).at("nat");
  config.collectors[2].observation_domain = derived;
  auto all = domains(config);
  EXPECT_EQ(all.at("third"), derived);
  EXPECT_NE(all.at("nat"), derived);
  config.collectors[2].observation_domain = base();
  all = domains(config);
  EXPECT_EQ(all.at("third"), base());
  EXPECT_EQ(all.at("nat"), derived);
  EXPECT_EQ((std::set{all.at("flows"), all.at("nat"), all.at("third")}).size(), 3U);
}

TEST(CollectorDomains, DifferBetweenNamespacesToo) {
  Config config;
  config.collectors = {entry("flows"), entry("nat")};
  config.namespaces = {{"red"}, {"blue"}, {"green"}};
  config.namespaces[2].observation_domain = 5;
  std::set<std::uint32_t> all;
  for (const NamespaceConfig& where : config.namespaces) {
    for (const std::uint32_t domain : observation_domains(config, where, kHost)) all.insert(domain);
  }
  EXPECT_EQ(all.size(), 6U);
  EXPECT_EQ(domains(config, config.namespaces[0]).at("flows"),
            observation_domain_from(std::string(kHost) + " red"));
  EXPECT_EQ(domains(config, config.namespaces[2]).at("flows"), 5U);
}

TEST(CollectorDomains, AreAllDifferentForAThousandEntries) {
  Config config;
  for (int i = 0; i < 1000; ++i) config.collectors.push_back(entry("c" + std::to_string(i)));
  const auto list = observation_domains(config, kHere, kHost);
  EXPECT_EQ(std::set(list.begin(), list.end()).size(), 1000U);
}

}  // namespace
}  // namespace ctflow
