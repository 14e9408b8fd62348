// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/message_plan.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

CollectorConfig with_all(Profile profile = Profile::kDefault) {
  CollectorConfig config;
  config.profile = profile;
  config.interface_names = true;
  return config;
}

bool any(const OptionsKinds& kinds) {
  return kinds.sampling || kinds.statistics || kinds.interface_names;
}

TEST(MessagePlan, RepeatsEverythingOverUdp) {
  const MessagePlan plan = plan_for_datagrams(with_all());
  EXPECT_TRUE(plan.templates);
  for (const OptionsKinds& kinds : {plan.options, plan.repeated}) {
    EXPECT_TRUE(kinds.sampling);
    EXPECT_TRUE(kinds.statistics);
    EXPECT_TRUE(kinds.interface_names);
  }
}

TEST(MessagePlan, LeavesTheBeginningOfASessionToTheTransport) {
  const MessagePlan plan = plan_for_sessions(with_all());
  EXPECT_FALSE(plan.templates);
  EXPECT_FALSE(plan.options.sampling);
  EXPECT_TRUE(plan.options.statistics);
  EXPECT_TRUE(plan.options.interface_names);
  EXPECT_TRUE(plan.repeated.statistics);
  EXPECT_FALSE(plan.repeated.interface_names);
}

TEST(MessagePlan, RepeatsNoOptionsForNfdumpByIpfix) {
  CollectorConfig config = with_all(Profile::kNfdump);
  EXPECT_TRUE(any(plan_for_datagrams(config).options));
  EXPECT_FALSE(any(plan_for_datagrams(config).repeated));
  EXPECT_FALSE(any(plan_for_sessions(config).repeated));
  config.protocol = Protocol::kNetflow9;
  EXPECT_TRUE(any(plan_for_datagrams(config).repeated));
}

TEST(MessagePlan, HasNoSamplingRateWithoutCounters) {
  const CollectorConfig config = with_all(Profile::kNatEvents);
  EXPECT_FALSE(configured_options(config).sampling);
  EXPECT_TRUE(configured_options(config).statistics);
}

}  // namespace
}  // namespace ctflow
