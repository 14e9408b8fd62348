// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/free_name.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

TEST(RenameToFreeName, NeverReplacesAFile) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory.path("one")) << "1";
  std::ofstream(directory.path("two")) << "2";
  EXPECT_EQ(rename_to_free_name(directory.path("one"), directory.path("two")),
            std::errc::file_exists);
  EXPECT_EQ(directory.content("two"), "2");
  EXPECT_FALSE(rename_to_free_name(directory.path("one"), directory.path("three")));
  EXPECT_EQ(directory.content("three"), "1");
  EXPECT_EQ(rename_to_free_name(directory.path("one"), directory.path("four")),
            std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace ctflow
