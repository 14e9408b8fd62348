// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/doctor.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(DoctorCommandTest, BreaksWhatATerminalIsTooNarrowForButNotCommands) {
  EXPECT_EQ(
      diagnosis_for_terminal("routes: 14 in 4 interfaces, chosen by 5 rules\n"
                             "not_tracking: no rule uses conntrack, nothing will come\n"
                             "  fix: nft 'table inet t { chain track { type filter hook; }; }'\n"
                             "no problems found\n",
                             30),
      "routes: 14 in 4 interfaces,\n"
      "  chosen by 5 rules\n"
      "not_tracking: no rule uses\n"
      "  conntrack, nothing will come\n"
      "  fix: nft 'table inet t { chain track { type filter hook; }; }'\n"
      "no problems found\n");
}

TEST(DoctorCommandTest, LeavesWhatFits) {
  EXPECT_EQ(diagnosis_for_terminal("kernel: stock\n", 13), "kernel: stock\n");
  EXPECT_EQ(diagnosis_for_terminal("", 80), "");
}

}  // namespace
}  // namespace ctflow
