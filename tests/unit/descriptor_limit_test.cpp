// SPDX-License-Identifier: GPL-2.0-or-later
#include "descriptor_limit.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace ctflow {
namespace {

TEST(RaiseDescriptorLimit, GoesUpToTheHardLimitAndNoFurther) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  ASSERT_GT(before.rlim_max, 300U);
  const rlimit low{300, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  rlimit after{};
  getrlimit(RLIMIT_NOFILE, &after);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace ctflow
