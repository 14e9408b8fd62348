// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/interface_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctflow {
namespace {

using testing::HasSubstr;

TEST(InterfaceCheck, NotesNamesInFiltersThatAreNotThere) {
  Config config;
  CollectorConfig& collector = config.collectors.emplace_back();
  collector.name = "main";
  collector.filter.emplace_back().interfaces = {{"lo"}, {"", 7}};
  EXPECT_TRUE(check_filter_interfaces(config).notes.empty());
  collector.filter.emplace_back().egress_interfaces = {{"absent0"}};
  ConnectionLogConfig& log = config.log_connections.emplace_back();
  log.name = "log";
  log.filter.emplace_back().ingress_interfaces = {{"absent0"}};
  GroupConfig& group = config.groups.emplace_back();
  group.name = "both";
  group.filter.emplace_back().interfaces = {{"absent1"}};
  const Findings found = check_filter_interfaces(config);
  EXPECT_TRUE(found.wrong.empty());
  ASSERT_EQ(found.notes.size(), 2U);
  EXPECT_EQ(found.notes[0].name, "filter_interface_missing");
  EXPECT_THAT(found.notes[0].impact, HasSubstr("absent0, which the filter of log, main names"));
  EXPECT_THAT(found.notes[1].impact, HasSubstr("absent1, which the filter of both names"));
}

}  // namespace
}  // namespace ctflow
