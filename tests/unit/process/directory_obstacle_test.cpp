// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/directory_obstacle.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(DirectoryObstacle, IsNoneWhereFilesCanBeMade) {
  EXPECT_EQ(obstacle_in("/tmp", DirectoryUse::kMakeFiles), "");
  EXPECT_EQ(obstacle_in("/tmp", DirectoryUse::kMakeAndFindFiles), "");
}

TEST(DirectoryObstacle, IsTheSystemsWord) {
  EXPECT_EQ(obstacle_in("/nonexistent", DirectoryUse::kMakeFiles), "No such file or directory");
  EXPECT_EQ(obstacle_in("/proc/self/status", DirectoryUse::kMakeAndFindFiles), "Not a directory");
}

}  // namespace
}  // namespace ctflow
