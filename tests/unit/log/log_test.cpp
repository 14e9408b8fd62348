// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/log.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace ctflow::log {
namespace {

using std::chrono::seconds;

TEST(Quoted, LeavesPlainWordsBare) {
  EXPECT_EQ(quoted("192.0.2.10:4739"), "192.0.2.10:4739");
  EXPECT_EQ(quoted("[2001:db8::1]"), "[2001:db8::1]");
}

TEST(Quoted, EscapesWhatWouldBreakALogLine) {
  EXPECT_EQ(quoted(""), "\"\"");
  EXPECT_EQ(quoted("two words"), "\"two words\"");
  EXPECT_EQ(quoted("a=b"), "\"a=b\"");
  EXPECT_EQ(quoted("say \"hi\"\n"), "\"say \\\"hi\\\"\\n\"");
  EXPECT_EQ(quoted("\x1b[31m"), "\"\\x1b[31m\"");
  EXPECT_EQ(quoted("\xff"), "\"\\xff\"");
  EXPECT_EQ(quoted("Köln"), "\"Köln\"");
}

TEST(RateLimit, LetsTheFirstThroughThenOnePerInterval) {
  RateLimit limit(seconds(60));
  const MonoTime start{seconds(1000)};
  EXPECT_TRUE(limit.allow(start));
  EXPECT_EQ(limit.suppressed(), 0U);
  EXPECT_FALSE(limit.allow(start + seconds(1)));
  EXPECT_FALSE(limit.allow(start + seconds(59)));
  EXPECT_TRUE(limit.allow(start + seconds(60)));
  EXPECT_EQ(limit.suppressed(), 2U);
  EXPECT_TRUE(limit.allow(start + seconds(120)));
  EXPECT_EQ(limit.suppressed(), 0U);
}

TEST(IsJournal, ComparesWhatStderrIsWithWhatTheServiceManagerSays) {
  struct stat here {};
  ASSERT_EQ(fstat(STDERR_FILENO, &here), 0);
  const auto name = [](auto device, auto inode) { return fmt::format("{}:{}", device, inode); };
  EXPECT_TRUE(is_journal(name(here.st_dev, here.st_ino).c_str()));
  // As inherited by a program whose stderr is another.
  EXPECT_FALSE(is_journal(name(here.st_dev, here.st_ino + 1).c_str()));
  EXPECT_FALSE(is_journal(name(here.st_dev + 1, here.st_ino).c_str()));
  EXPECT_FALSE(is_journal(""));
  EXPECT_FALSE(is_journal("1"));
  EXPECT_FALSE(is_journal(nullptr));
}

/// What it takes for that is for ThreadSanitizer to find.
TEST(Log, HasWholeLinesOfAnyThread) {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  configure(LogLevel::kInfo);
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([thread] {
      for (int line = 0; line < kLines; ++line) info("said thread={} line={}", thread, line);
    });
  }
  for (int i = 0; i < kLines; ++i) configure(LogLevel::kInfo);  // as a reload does
  for (std::thread& one : threads) one.join();
  std::istringstream said(testing::internal::GetCapturedStderr());
  std::multiset<std::string> lines;
  for (std::string line; std::getline(said, line);) lines.insert(line.substr(line.find("said")));
  EXPECT_EQ(lines.size(), std::size_t{kThreads} * kLines);
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int line = 0; line < kLines; ++line) {
      EXPECT_EQ(lines.count(fmt::format("said thread={} line={}", thread, line)), 1U);
    }
  }
}

}  // namespace
}  // namespace ctflow::log
