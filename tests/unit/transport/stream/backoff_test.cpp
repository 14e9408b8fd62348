// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/backoff.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesFromOneSecondToOneMinute) {
  Backoff backoff([] { return 1.0; });
  for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(backoff.next(), milliseconds(1000 * seconds));
  }
}

TEST(Backoff, WaitsAtLeastHalfByChance) {
  Backoff backoff([] { return 0.0; });
  EXPECT_EQ(backoff.next(), milliseconds(500));
  EXPECT_EQ(backoff.next(), milliseconds(1000));
}

TEST(Backoff, BeginsAgainAfterSuccess) {
  Backoff backoff([] { return 1.0; });
  backoff.next();
  backoff.next();
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds(1000));
}

TEST(Backoff, DiffersFromExporterToExporter) {
  Backoff one;
  Backoff other;
  bool differ = false;
  for (int i = 0; i < 6; ++i) differ = one.next() != other.next() || differ;
  EXPECT_TRUE(differ);
}

}  // namespace
}  // namespace ctflow
