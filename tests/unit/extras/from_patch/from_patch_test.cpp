// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_patch/from_patch.hpp"

#include <gtest/gtest.h>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

Flow measured_flow() {
  Flow flow;
  flow.extras.present = true;
  flow.extras.original.has_wire = flow.extras.reply.has_wire = true;
  flow.extras.original.has_times = true;
  return flow;
}

TEST(PatchCapabilities, FollowTheSettings) {
  const test::SettingsDirectory settings;
  EXPECT_EQ(read_patch_capabilities(settings.path()), Capabilities{}) << "a stock kernel";
  settings.set("nf_conntrack_flow", "1\n");
  EXPECT_EQ(
      read_patch_capabilities(settings.path()),
      (Capabilities{MeasurementOrigin::kKernelPatch, true, true, true, true, false, false, true}));
  settings.set("nf_conntrack_flow_active_timeout", "60\n");
  EXPECT_TRUE(read_patch_capabilities(settings.path()).reports);
  settings.set("nf_conntrack_flow_active_timeout", "0\n");
  EXPECT_FALSE(read_patch_capabilities(settings.path()).reports);
}

TEST(PatchCapabilities, AreNoneWhereItIsSwitchedOff) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_flow", "0\n");
  settings.set("nf_conntrack_flow_active_timeout", "60\n");
  const Capabilities found = read_patch_capabilities(settings.path());
  EXPECT_TRUE(found.possible()) << "it may be switched on";
  EXPECT_FALSE(found.active());
}

TEST(FromPatch, ReadsTheSettingsAgain) {
  Capabilities now;
  FromPatch source(true, [&] { return now; });
  EXPECT_FALSE(source.capabilities().active());
  now = {MeasurementOrigin::kKernelPatch, true, true, true, true, true};
  EXPECT_FALSE(source.capabilities().active()) << "as last read";
  EXPECT_EQ(source.refresh(), now);
  EXPECT_EQ(source.capabilities(), now);
}

TEST(FromPatch, UsesTheCountersOfTheWireOnlyIfAsked) {
  const auto all = [] {
    return Capabilities{MeasurementOrigin::kKernelPatch, true, true, true, true, true};
  };
  Flow flow = measured_flow();
  FromPatch(true, all).add(flow);
  EXPECT_TRUE(flow.extras.original.has_wire);
  FromPatch conntrack(false, all);
  conntrack.add(flow);
  EXPECT_FALSE(flow.extras.original.has_wire);
  EXPECT_FALSE(flow.extras.reply.has_wire);
  EXPECT_TRUE(flow.extras.original.has_times);
  EXPECT_FALSE(conntrack.capabilities().counters);
  EXPECT_TRUE(conntrack.capabilities().times);
}

}  // namespace
}  // namespace ctflow
