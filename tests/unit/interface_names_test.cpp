// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/interface_names.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(InterfaceNames, GiveEveryChangeTheNextVersion) {
  InterfaceNames names;
  EXPECT_EQ(names.version(), 0U);
  EXPECT_TRUE(names.set(1, "lo"));
  EXPECT_TRUE(names.set(2, "eth0"));
  EXPECT_FALSE(names.set(1, "lo"));
  EXPECT_EQ(names.version(), 2U);
  EXPECT_TRUE(names.set(1, "loopback"));
  EXPECT_EQ(names.entries().at(1).version, 3U);
  EXPECT_EQ(names.entries().at(2).version, 2U);
  names.remove(2);
  EXPECT_EQ(names.version(), 3U);
  EXPECT_TRUE(names.set(2, "eth0")) << "another interface of that name";
}

}  // namespace
}  // namespace ctflow
