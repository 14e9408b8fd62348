// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/sum_name.hpp"

#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

TEST(SumName, IsThatOfARowWithoutADevice) {
  for (const char* const name :
       {"total", "Total", " TOTAL ", "other", "other (3)", "other(max_keys)", "uncounted"}) {
    EXPECT_TRUE(reads_as_sum(name)) << name;
  }
  for (const char* const name : {"", " ", "totally", "laptop", "another", "mother (3)", "(total)"})
    EXPECT_FALSE(reads_as_sum(name)) << name;
}

}  // namespace
}  // namespace ctflow::text
