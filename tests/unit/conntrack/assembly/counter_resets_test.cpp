// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/counter_resets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

class CounterResets : public testing::Test {
 protected:
  CounterResets() {
    directory_ =
        std::filesystem::temp_directory_path() / ("ctflowd-resets-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory_);
    add("1", "systemd");
    add("self", "nlbwmon");  // not a process of its own
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// `words`: of the command line, a zero octet behind each.
  void add(const std::string& process, const std::string& command,
           const std::string& words = "") const {
    std::filesystem::create_directory(directory_ / process);
    std::ofstream(directory_ / process / "comm") << command << "\n";
    std::ofstream(directory_ / process / "cmdline") << words;
  }

  std::filesystem::path directory_;
};

TEST_F(CounterResets, NamesNobodyWhereNobodyIsKnown) {
  EXPECT_THAT(programs_that_reset_counters(directory_), testing::IsEmpty());
  EXPECT_THAT(programs_that_reset_counters(directory_ / "missing"), testing::IsEmpty());
}

TEST_F(CounterResets, NamesTheLikelyOnesOnce) {
  add("20", "nlbwmon");
  add("21", "nlbwmon");
  add("22", "conntrack", std::string("conntrack\0-L\0-z\0", 16));
  add("23", "conntrackd");  // reads without setting to zero
  EXPECT_THAT(programs_that_reset_counters(directory_),
              testing::ElementsAre("conntrack", "nlbwmon"));
}

TEST_F(CounterResets, NamesConntrackOnlyWhereItIsToldToSetToZero) {
  add("20", "conntrack", std::string("conntrack\0-E\0", 13));
  add("21", "conntrack", std::string("conntrack\0-L\0-p\0tcp\0", 20));
  EXPECT_THAT(programs_that_reset_counters(directory_), testing::IsEmpty());
  add("22", "conntrack", std::string("conntrack\0-L\0--zero\0", 20));
  EXPECT_THAT(programs_that_reset_counters(directory_), testing::ElementsAre("conntrack"));
}

TEST_F(CounterResets, AreHiddenWhereTheFirstProcessIs) {
  EXPECT_FALSE(hides_processes(directory_));
  std::filesystem::remove_all(directory_ / "1");
  EXPECT_TRUE(hides_processes(directory_));
}

}  // namespace
}  // namespace ctflow
