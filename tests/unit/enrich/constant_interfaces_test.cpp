// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/constant_interfaces.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

class ConstantInterfacesTest : public testing::Test {
 protected:
  ConstantInterfaces make(const InterfacesConfig& config) { return {config, counters_}; }

  InterfaceCounters counters_;
};

TEST_F(ConstantInterfacesTest, GivesBothDirectionsTheConfiguredOnes) {
  Flow flow;
  make({4, 5}).enrich(flow);
  EXPECT_EQ(flow.original_interfaces, (Interfaces{4, 5}));
  EXPECT_EQ(flow.reply_interfaces, (Interfaces{5, 4}));
}

TEST_F(ConstantInterfacesTest, LeavesAloneWhatTheKernelMeasured) {
  Flow flow;
  flow.extras.original.has_interfaces = true;
  flow.original_interfaces = {7, 0};
  make({4, 5}).enrich(flow);
  EXPECT_EQ(flow.original_interfaces, (Interfaces{7, 0}));
  EXPECT_EQ(flow.reply_interfaces, (Interfaces{5, 4}));
}

/// As with other settings: every flow is counted, what is left of earlier ones is removed, and what
/// was measured stays.
TEST_F(ConstantInterfacesTest, WithoutSettingsNothingIsKnown) {
  Flow flow;
  flow.original_interfaces = flow.reply_interfaces = {8, 9};
  make({}).enrich(flow);
  EXPECT_EQ(flow.original_interfaces, Interfaces{});
  EXPECT_EQ(flow.reply_interfaces, Interfaces{});
  EXPECT_EQ(counters_.unknown, 2U);
  flow.original_interfaces = {7, 6};
  flow.extras.original.has_interfaces = true;
  make({}).enrich(flow);
  EXPECT_EQ(flow.original_interfaces, (Interfaces{7, 6}));
  EXPECT_EQ(counters_.from_kernel, 2U);
  EXPECT_EQ(counters_.unknown, 2U);
  for (const InterfacesConfig& config : {InterfacesConfig{0, 3}, InterfacesConfig{3, 0}}) {
    Flow other;
    make(config).enrich(other);
    EXPECT_EQ(other.original_interfaces, (Interfaces{config.ingress, config.egress}));
  }
  InterfacesConfig by_zone;
  by_zone.by_zone = {{9, "blue", 6, 7}};
  Flow zoned;
  zoned.original.zone = 9;
  make(by_zone).enrich(zoned);
  EXPECT_EQ(zoned.original_interfaces, (Interfaces{6, 7}));
}

TEST_F(ConstantInterfacesTest, TakesTheFirstMarkThatFitsThenTheZoneThenTheConstants) {
  InterfacesConfig config{1, 2};
  config.by_mark = {{0x10, 0xf0, "", 3, 4}, {0, 0x0f, "red", 5, 0}};
  config.by_zone = {{9, "blue", 6, 7}};
  const ConstantInterfaces enricher = make(config);
  Flow flow;
  flow.mark = 0x1f;
  flow.original.zone = 9;
  EXPECT_EQ(enricher.choose(flow).interfaces, (Interfaces{3, 4}));
  EXPECT_EQ(enricher.choose(flow).vrf, nullptr);
  flow.mark = 0x20;
  EXPECT_EQ(enricher.choose(flow).interfaces, (Interfaces{5, 2})) << "what it leaves open";
  ASSERT_NE(enricher.choose(flow).vrf, nullptr);
  EXPECT_EQ(*enricher.choose(flow).vrf, "red");
  flow.mark = 0x21;
  EXPECT_EQ(enricher.choose(flow).interfaces, (Interfaces{6, 7}));
  flow.original.zone = 0;
  flow.reply.zone = 9;
  EXPECT_EQ(enricher.choose(flow).interfaces, (Interfaces{6, 7}));
  flow.reply.zone = 8;
  EXPECT_EQ(enricher.choose(flow).interfaces, (Interfaces{1, 2}));
}

TEST_F(ConstantInterfacesTest, CountsBothSidesOfEveryFlow) {
  Flow flow;
  make({4, 0}).enrich(flow);
  EXPECT_EQ(counters_.from_settings, 1U);
  EXPECT_EQ(counters_.unknown, 1U);
  flow.extras.reply.has_interfaces = true;
  make({4, 0}).enrich(flow);
  EXPECT_EQ(counters_.from_kernel, 2U);
  EXPECT_EQ(counters_.from_settings, 1U);
  EXPECT_EQ(counters_.unknown, 1U);
}

}  // namespace
}  // namespace ctflow
