// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/configuration_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

CollectorConfig entry(const std::string& name, Profile profile = Profile::kDefault) {
  CollectorConfig collector;
  collector.name = name;
  collector.address = "192.0.2." + std::to_string(name.size());
  collector.port = 4739;
  collector.profile = profile;
  return collector;
}

std::vector<std::string> events(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  all.reserve(findings.size());
  for (const Finding& one : findings) all.push_back(one.name);
  return all;
}

TEST(ConfigurationCheck, HasNothingToSayOfOrdinaryEntries) {
  Config config;
  config.collectors = {entry("a"), entry("bb", Profile::kNfdump),
                       entry("ccc", Profile::kNatEvents)};
  config.collectors[1].protocol = Protocol::kNetflow9;
  const Findings found = check_configuration(config);
  EXPECT_THAT(events(found.wrong), IsEmpty());
  EXPECT_THAT(events(found.notes), IsEmpty());
}

TEST(ConfigurationCheck, KnowsWhatAkvoradoGetsWrong) {
  Config config;
  config.collectors = {entry("a", Profile::kAkvorado), entry("bb")};
  config.source.active_timeout = std::chrono::seconds(10);
  EXPECT_THAT(events(check_configuration(config).wrong), IsEmpty());
  config.collectors[0].protocol = Protocol::kNetflow9;
  EXPECT_THAT(events(check_configuration(config).wrong), ElementsAre("akvorado_netflow9"));
  config.collectors[0].sampling_options = false;
  config.source.active_timeout = std::chrono::seconds(11);
  EXPECT_THAT(events(check_configuration(config).wrong),
              ElementsAre("akvorado_netflow9", "akvorado_sampling_unknown", "active_timeout_long"));
  config.source.active_timeout = std::chrono::seconds(0);
  EXPECT_THAT(events(check_configuration(config).wrong),
              testing::Contains(std::string("active_timeout_long")));
}

TEST(ConfigurationCheck, NotesProfilesThatSomeCollectorsLoseOnceForAllEntries) {
  Config config;
  config.collectors = {entry("a", Profile::kBiflow), entry("bb", Profile::kBiflow),
                       entry("ccc", Profile::kMinimal)};
  const Findings found = check_configuration(config);
  EXPECT_THAT(events(found.wrong), IsEmpty());
  ASSERT_THAT(events(found.notes), ElementsAre("biflow_support", "minimal_without_interfaces"));
  EXPECT_THAT(found.notes[0].impact, HasSubstr("a, bb: "));
  EXPECT_THAT(found.notes[1].impact, HasSubstr("ccc: "));
}

TEST(ConfigurationCheck, WarnsOfWhatOneCollectorGetsTwice) {
  Config config;
  config.collectors = {entry("x"), entry("y", Profile::kMinimal), entry("z", Profile::kNatEvents)};
  const Findings found = check_configuration(config);
  ASSERT_THAT(events(found.wrong), ElementsAre("collector_twice")) << "NAT events are no flows";
  EXPECT_THAT(found.wrong[0].impact, HasSubstr("x and y "));
  config.collectors[1].profile = Profile::kNatEvents;
  EXPECT_THAT(check_configuration(config).wrong.at(0).impact, HasSubstr("every NAT event twice"));
}

TEST(ConfigurationCheck, TakesAGroupForWhatItIs) {
  Config config;
  config.collectors = {entry("x"), entry("y"), entry("z")};
  config.groups = {{"one", GroupMode::kBalance, {"x", "y"}}};
  const Findings found = check_configuration(config);
  EXPECT_THAT(events(found.wrong), ElementsAre("collector_twice", "collector_twice"))
      << "x and y share the flows, z gets them all again";
}

TEST(ConfigurationCheck, NotesWhatNetflow5LeavesOut) {
  Config config;
  config.collectors = {entry("a"), entry("bb")};
  config.collectors[1].protocol = Protocol::kNetflow5;
  const Findings found = check_configuration(config);
  EXPECT_THAT(events(found.wrong), IsEmpty());
  ASSERT_THAT(events(found.notes), ElementsAre("netflow5_ipv4_only"));
  EXPECT_THAT(found.notes[0].impact, HasSubstr("bb: "));
}

TEST(ConfigurationCheck, LetsFiltersDivideWhatOneCollectorGets) {
  Config config;
  config.collectors = {entry("a"), entry("b")};
  EXPECT_THAT(events(check_configuration(config).wrong), ElementsAre("collector_twice"));
  config.collectors[0].filter.emplace_back().protocols = {6};
  EXPECT_THAT(events(check_configuration(config).wrong), IsEmpty());
}

TEST(ConfigurationCheck, FindsAGroupOfNetflow5AndOthers) {
  Config config;
  config.collectors = {entry("a"), entry("bb"), entry("ccc")};
  config.groups = {{"both", GroupMode::kFailover, {"a", "bb"}}};
  config.collectors[2].protocol = Protocol::kNetflow5;  // of no group
  EXPECT_THAT(events(check_configuration(config).wrong), IsEmpty());
  config.collectors[1].protocol = Protocol::kNetflow5;
  const Findings found = check_configuration(config);
  ASSERT_THAT(events(found.wrong), ElementsAre("group_netflow5"));
  EXPECT_THAT(found.wrong[0].impact, HasSubstr("group both NetFlow v5 goes to bb, and not to a"));
  config.collectors[0].protocol = Protocol::kNetflow5;
  EXPECT_THAT(events(check_configuration(config).wrong), IsEmpty());
}

}  // namespace
}  // namespace ctflow
