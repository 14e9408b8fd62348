// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/boot_id.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

TEST(BootId, IsTheLineThatTheKernelGives) {
  std::string line;
  std::ifstream file(kBootIdFile);
  std::getline(file, line);
  EXPECT_EQ(boot_id(), line);
  EXPECT_EQ(boot_id(), boot_id());
}

TEST(BootId, EndsWithItsLine) {
  const test::TemporaryDirectory directory;
  const std::string name = directory.path("boot_id");
  for (const char* text : {"one", "one\n", "one\ntwo\n"}) {
    std::ofstream(name) << text;
    EXPECT_EQ(boot_id(name.c_str()), "one") << text;
  }
}

TEST(BootId, IsEmptyWhereItCannotBeRead) {
  EXPECT_EQ(boot_id("/nowhere/boot_id"), "");
  EXPECT_EQ(boot_id("/dev/null"), "");
  EXPECT_EQ(boot_id("/proc/self"), "");
}

}  // namespace
}  // namespace ctflow
