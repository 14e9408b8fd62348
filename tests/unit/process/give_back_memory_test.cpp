// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/give_back_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace ctflow {
namespace {

/// KiB of pages of files, by proc_pid_status(5).
long mapped_of_files() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stol(line.substr(line.find(':') + 1));
  }
  return -1;
}

constexpr std::size_t kPage = 65'536;  // the largest that there is

// In a segment that is not written, as the code is.
alignas(kPage) const char kConstant[kPage] = {1};

volatile char* constant() { return const_cast<volatile char*>(&kConstant[0]); }

bool permit(int access) { return mprotect(const_cast<char*>(&kConstant[0]), kPage, access) == 0; }

void change(char to) {
  ASSERT_TRUE(permit(PROT_READ | PROT_WRITE));
  *constant() = to;  // as a debugger does for a breakpoint
  ASSERT_TRUE(permit(PROT_READ));
}

TEST(GiveBackMemory, PagesOfFilesAreReadAgainWhereTheyAreUsed) {
  const long before = mapped_of_files();
  ASSERT_GT(before, 0);
  give_back_memory();
  EXPECT_LT(mapped_of_files(), before / 2);
  EXPECT_EQ(*constant(), 1);
}

TEST(GiveBackMemory, KeepsWhatWasChangedInThem) {
  change(2);
  give_back_memory();
  EXPECT_EQ(*constant(), 2);
  change(1);
}

}  // namespace
}  // namespace ctflow
