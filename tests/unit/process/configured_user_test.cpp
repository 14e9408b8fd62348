// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/configured_user.hpp"

#include <gtest/gtest.h>

#include "extras/from_bpf/make_programs.hpp"

namespace ctflow {
namespace {

KeptPrivileges needed(Measure measure) {
  Config config;
  config.source.measure = measure;
  return needed_privileges(config);
}

TEST(NeededPrivileges, KeepMuchForFentryOnlyIfItWasAskedFor) {
  const bool built = make_measuring_programs() != nullptr;
  EXPECT_EQ(needed(Measure::kFentry).sys_admin, built);
  for (const auto other : {Measure::kAuto, Measure::kNetfilter, Measure::kPatch, Measure::kOff}) {
    EXPECT_FALSE(needed(other).sys_admin);
  }
  for (const auto by_programs : {Measure::kAuto, Measure::kFentry, Measure::kNetfilter}) {
    EXPECT_EQ(needed(by_programs).bpf, built);
  }
  for (const auto other : {Measure::kPatch, Measure::kOff}) EXPECT_FALSE(needed(other).bpf);
}

TEST(NeededPrivileges, KeepMuchForNamespaces) {
  Config config;
  config.namespaces.emplace_back();
  EXPECT_TRUE(needed_privileges(config).sys_admin);
}

}  // namespace
}  // namespace ctflow
