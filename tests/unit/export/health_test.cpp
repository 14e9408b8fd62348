// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/health.hpp"

#include <gtest/gtest.h>

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;

class HealthTest : public testing::Test {
 protected:
  HealthTest() { health_.set_recovery(seconds(30)); }

  void fail_at(int second) { health_.on_failure(time(second)); }
  static MonoTime time(int second) { return MonoTime(seconds(1000 + second)); }

  Health health_;
};

TEST_F(HealthTest, SurvivesOneFailure) {
  fail_at(0);
  EXPECT_TRUE(health_.healthy());
}

TEST_F(HealthTest, EndsWithTwoFailuresInQuickSuccession) {
  fail_at(0);
  fail_at(10);
  EXPECT_FALSE(health_.healthy());
}

TEST_F(HealthTest, SurvivesFailuresThatAreFarApart) {
  for (const int second : {0, 11, 22, 33}) fail_at(second);
  EXPECT_TRUE(health_.healthy());
}

TEST_F(HealthTest, ComesBackWhenNothingFailedForTheRecoveryTime) {
  fail_at(0);
  fail_at(1);
  health_.tick(time(30));
  EXPECT_FALSE(health_.healthy());
  health_.tick(time(31));
  EXPECT_TRUE(health_.healthy());
  fail_at(32);
  EXPECT_TRUE(health_.healthy()) << "the failures of before count no more";
}

TEST_F(HealthTest, StaysAwayWhileProbesFail) {
  for (const int second : {0, 1, 12, 23, 34}) fail_at(second);
  health_.tick(time(50));
  EXPECT_FALSE(health_.healthy());
}

TEST_F(HealthTest, EndsAtOnceWithoutAConnection) {
  health_.on_disconnected(time(0));
  EXPECT_FALSE(health_.healthy());
  health_.tick(time(30));
  EXPECT_TRUE(health_.healthy());
}

}  // namespace
}  // namespace ctflow
