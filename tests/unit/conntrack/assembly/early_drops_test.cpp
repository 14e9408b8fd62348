// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/early_drops.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "ctflow/clock.hpp"
#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonoTime kNow{std::chrono::seconds(5000)};

class EarlyDropsTest : public testing::Test {
 protected:
  /// The file as Linux 6.18 shows it, for two CPUs.
  void count(const std::string& first, const std::string& second) {
    std::ofstream file(file_.name(), std::ios::trunc);
    file << "entries  clashres found new invalid ignore delete chainlength insert insert_failed "
            "drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n";
    for (const std::string& drops : {first, second}) {
      file << "0000003c  00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 "
              "00000009 0000000a "
           << drops << " 0000000b  0000000c 0000000d 0000000e 0000000f\n";
    }
  }

  test::TemporaryFile file_;
};

TEST_F(EarlyDropsTest, ClaimsAsManyAsTheKernelCountsFromNowOn) {
  count("00000003", "00000004");
  EarlyDrops drops(file_.name());
  EXPECT_FALSE(drops.claim(kNow)) << "those were before";
  count("00000004", "00000014");
  EXPECT_FALSE(drops.claim(kNow)) << "just read";
  for (int i = 0; i < 17; ++i) EXPECT_TRUE(drops.claim(kNow + milliseconds(2))) << i;
  EXPECT_FALSE(drops.claim(kNow + milliseconds(4)));
}

TEST_F(EarlyDropsTest, ClaimsNothingAfterAReset) {
  count("00000003", "00000004");
  EarlyDrops drops(file_.name());
  count("00000000", "00000001");
  EXPECT_FALSE(drops.claim(kNow));
  count("00000000", "00000002");
  EXPECT_TRUE(drops.claim(kNow + milliseconds(2)));
}

TEST_F(EarlyDropsTest, ForgetsThoseOfWhichTheEventsDidNotCome) {
  count("00000000", "00000000");
  EarlyDrops drops(file_.name());
  count("00000000", "00000005");
  EXPECT_TRUE(drops.claim(kNow));
  drops.forget_old(kNow + milliseconds(1));
  EXPECT_TRUE(drops.claim(kNow + milliseconds(2))) << "its event waited";
  drops.forget_old(kNow + seconds(9));
  EXPECT_TRUE(drops.claim(kNow + seconds(9)));
  drops.forget_old(kNow + seconds(11));
  EXPECT_FALSE(drops.claim(kNow + seconds(11))) << "two were lost";
}

TEST_F(EarlyDropsTest, ForgetsThoseThatCameWhileNothingWasToBeClaimed) {
  count("00000000", "00000000");
  EarlyDrops drops(file_.name());
  count("00000000", "00000005");
  drops.forget_old(kNow);
  drops.forget_old(kNow + seconds(10));
  drops.forget_old(kNow + seconds(20));
  EXPECT_FALSE(drops.claim(kNow + seconds(21)));
  count("00000000", "00000006");
  EXPECT_TRUE(drops.claim(kNow + seconds(22)));
  EXPECT_FALSE(drops.claim(kNow + seconds(23)));
}

TEST_F(EarlyDropsTest, ClaimsNothingWithoutTheFileOrTheColumn) {
  EarlyDrops missing(file_.name() + ".missing");
  EXPECT_FALSE(missing.claim(kNow));
  std::ofstream(file_.name(), std::ios::trunc) << "entries found\n00000001 ffffffff\n";
  EarlyDrops other(file_.name());
  EXPECT_FALSE(other.claim(kNow));
}

TEST_F(EarlyDropsTest, ReadsMoreThanOnePiece) {
  count("00000000", "00000000");
  EarlyDrops drops(file_.name());
  {
    std::ofstream file(file_.name(), std::ios::trunc);
    file << "entries early_drop\n";
    for (int cpu = 0; cpu < 1000; ++cpu) file << "00000001 00000001\n";
  }
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(drops.claim(kNow)) << i;
  EXPECT_FALSE(drops.claim(kNow));
}

}  // namespace
}  // namespace ctflow
