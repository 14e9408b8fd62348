// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/rounds.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Rounds, ComeAtWholeMultiplesOfTheInterval) {
  const MonoTime now(milliseconds(12'345));
  EXPECT_EQ(next_round(seconds(1), now), MonoTime(seconds(13)));
  EXPECT_EQ(next_round(seconds(2), now), MonoTime(seconds(14)));
  EXPECT_EQ(next_round(seconds(5), now), MonoTime(seconds(15)));
}

TEST(Rounds, AreNeverNow) {
  EXPECT_EQ(next_round(seconds(5), MonoTime(seconds(15))), MonoTime(seconds(20)));
  EXPECT_EQ(next_round(seconds(5), MonoTime(milliseconds(14'999))), MonoTime(seconds(15)));
}

TEST(Rounds, FallTogether) {
  // What begins at any moment: in ten seconds there are ten moments at which something is due.
  for (const milliseconds began : {milliseconds(0), milliseconds(421), milliseconds(999)}) {
    for (MonoTime at(began); at < MonoTime(seconds(10)); at = next_round(seconds(2), at)) {
      if (at > MonoTime(began)) {
        EXPECT_EQ(at.time_since_epoch() % seconds(1), seconds(0));
      }
    }
  }
}

}  // namespace
}  // namespace ctflow
