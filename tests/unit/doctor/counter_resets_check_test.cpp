// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/counter_resets_check.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

class CounterResetsCheck : public testing::Test {
 protected:
  CounterResetsCheck() {
    directory_ =
        std::filesystem::temp_directory_path() / ("ctflowd-processes-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory_);
    add("1", "systemd");
    add("self", "nlbwmon");  // not a process of its own
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void add(const std::string& process, const std::string& command) const {
    std::filesystem::create_directory(directory_ / process);
    std::ofstream(directory_ / process / "comm") << command << "\n";
  }

  std::filesystem::path directory_;
};

TEST_F(CounterResetsCheck, FindsTheOneThatDoesItAllTheTimeUnlessItDoesNoHarm) {
  EXPECT_TRUE(check_counter_resets(false, directory_).wrong.empty());
  add("22", "conntrack");
  EXPECT_TRUE(check_counter_resets(false, directory_).wrong.empty());
  add("20", "nlbwmon");
  ASSERT_EQ(check_counter_resets(false, directory_).wrong.size(), 1U);
  EXPECT_EQ(check_counter_resets(false, directory_).wrong[0].name, "counters_reset");
  EXPECT_TRUE(check_counter_resets(true, directory_).wrong.empty());
}

TEST_F(CounterResetsCheck, SaysWhereItCannotSeeThem) {
  EXPECT_TRUE(check_counter_resets(false, directory_).unchecked.empty());
  std::filesystem::remove_all(directory_ / "1");
  const Findings hidden = check_counter_resets(false, directory_);
  EXPECT_TRUE(hidden.wrong.empty());
  ASSERT_EQ(hidden.unchecked.size(), 1U);
  EXPECT_TRUE(check_counter_resets(true, directory_).unchecked.empty());
  add("20", "nlbwmon");  // of the same user
  EXPECT_TRUE(check_counter_resets(false, directory_).unchecked.empty());
  EXPECT_EQ(check_counter_resets(false, directory_).wrong.size(), 1U);
}

}  // namespace
}  // namespace ctflow
