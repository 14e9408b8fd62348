// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/log_problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_words.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

OutputStatus good() {
  OutputStatus status;
  status.name = "local";
  status.peer = "/var/log/ctflowd/connections.json";
  status.connected = true;
  status.details = ConnectionLogStatus{};
  status.backlog = Backlog{};
  status.backlog->memory_limit = 4 << 20;
  return status;
}

std::vector<Finding> problems(const OutputStatus& status) {
  std::vector<Finding> found;
  find_output_problems(status, std::get<ConnectionLogStatus>(status.details), found);
  return found;
}

TEST(LogProblems, AreNoneOfALogThatWorks) { EXPECT_THAT(problems(good()), testing::IsEmpty()); }

TEST(LogProblems, SayWhyLinesCannotBeWrittenAndWhatBecomesOfThem) {
  OutputStatus status = good();
  status.connected = false;
  status.last_failure.kind = FailureKind::kFile;
  status.last_failure.reason = "write: No space left on device";
  status.counters.waiting.records = 12;
  const auto found = problems(status);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "connection_log_unreachable");
  EXPECT_THAT(found[0].impact, HasSubstr("write: No space left on device"));
  EXPECT_THAT(found[0].impact, HasSubstr("12 lines wait; beyond buffer (4 MiB) lines are lost"));
  status.counters.waiting.records = 1;
  status.counters.lost_would_block = 1'234'567;
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("1 line waits; beyond"));
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("; 1 234 567 lost so far"));
}

TEST(LogProblems, NameTheLimitOfASocket) {
  OutputStatus status = good();
  status.connected = false;
  std::get<ConnectionLogStatus>(status.details).to = LogDestination::kUnix;
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("spool.memory (4 MiB)"));
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("no attempt has succeeded yet"));
  status.backlog->disk_limit = 1 << 30;
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("spool.size (1 GiB)"));
}

TEST(LogProblems, NameTheBufferOfATopicAndWhatItsBrokersNeed) {
  OutputStatus status = good();
  std::get<ConnectionLogStatus>(status.details).to = LogDestination::kKafka;
  status.peer = "connections@kafka1.example:9092";
  EXPECT_STREQ(config::word_of(std::get<ConnectionLogStatus>(status.details).to), "kafka");
  status.last_loss = std::chrono::seconds(3);
  EXPECT_THAT(problems(status).at(0).fix, HasSubstr("connection_log_refused"));
  status.connected = false;
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("buffer (4 MiB)"));
  EXPECT_THAT(problems(status).at(0).fix, HasSubstr("brokers"));
  status.backlog->disk_limit = 1 << 30;
  EXPECT_THAT(problems(status).at(0).impact, HasSubstr("spool.size (1 GiB)"));
  status.backlog->disk = 1 << 30;
  EXPECT_EQ(problems(status).at(1).name, "connection_log_nearly_full");
}

TEST(LogProblems, AreLossesOfTheLastMinutes) {
  OutputStatus status = good();
  status.counters.lost_would_block = 7;
  EXPECT_THAT(problems(status), testing::IsEmpty()) << "long ago";
  status.last_loss = std::chrono::seconds(3);
  const auto found = problems(status);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "connection_log_lossy");
  EXPECT_THAT(found[0].impact, HasSubstr("7 lines"));
  status.counters.lost_would_block = 14'020;
  EXPECT_EQ(problems(status).at(0).impact,
            "14 020 lines for /var/log/ctflowd/connections.json were lost, the last 3 s ago");
  status.counters.lost_would_block = 1;
  EXPECT_EQ(problems(status).at(0).impact,
            "1 line for /var/log/ctflowd/connections.json was lost, the last 3 s ago");
}

TEST(LogProblems, AreABufferThatIsNearlyFullAndASpoolWithoutDisk) {
  OutputStatus status = good();
  status.backlog->memory = status.backlog->memory_limit;
  EXPECT_EQ(problems(status).at(0).name, "connection_log_nearly_full");
  status = good();
  status.backlog->trouble = "Permission denied";
  EXPECT_EQ(problems(status).at(0).name, "spool_unusable");
}

}  // namespace
}  // namespace ctflow
