// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/collector_problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class CollectorProblemsTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<Finding> found;
    find_output_problems(output_, std::get<CollectorStatus>(output_.details), found);
    std::vector<std::string> all;
    for (const Finding& one : found) {
      EXPECT_FALSE(one.impact.empty());
      EXPECT_FALSE(one.fix.empty());
      all.push_back(one.name);
    }
    return all;
  }
  [[nodiscard]] std::string impact() const {
    std::vector<Finding> found;
    find_output_problems(output_, std::get<CollectorStatus>(output_.details), found);
    return found.empty() ? "" : found.front().impact;
  }
  void fail(FailureKind kind, const std::string& reason) {
    output_.connected = false;
    output_.last_failure = {kind, reason, {}};
  }
  void use_stream() {
    std::get<CollectorStatus>(output_.details).transport = TransportKind::kTcp;
    output_.backlog = Backlog{1000, 4 << 20, 0, 0, std::nullopt};
    output_.counters.waiting = {2, 40, 80, 400, 4000};
  }

  Status status_ = test::sample_status();
  OutputStatus& output_ = status_.namespaces[0].outputs[0];
};

TEST_F(CollectorProblemsTest, AreNoneWhenAllIsWell) {
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(state_of(output_), CollectorState::kOk);
}

TEST_F(CollectorProblemsTest, FollowTheStateOfDatagrams) {
  output_.last_loss = seconds(1);
  EXPECT_THAT(names(), ElementsAre("collector_lossy"));
  std::get<CollectorStatus>(output_.details).last_refusal = seconds(299);
  EXPECT_THAT(names(), ElementsAre("collector_refused"));
  std::get<CollectorStatus>(output_.details).last_refusal = seconds(301);
  EXPECT_THAT(names(), ElementsAre("collector_lossy"));
  fail(FailureKind::kUnreachable, "Network is unreachable");
  EXPECT_THAT(names(), ElementsAre("collector_unreachable"));
  output_.peer = "[2001:db8::1]:4739";
  EXPECT_THAT(names(), ElementsAre("collector_unreachable"));
  output_.peer = "flows.example";
  EXPECT_THAT(names(), ElementsAre("collector_unresolved"));
}

// As of NetFlow v5, which has no templates to send before the first flow.
TEST_F(CollectorProblemsTest, AreNoneWhereNoDatagramWasTriedYet) {
  output_.connected = false;
  EXPECT_EQ(state_of(output_), CollectorState::kOk);
  EXPECT_THAT(names(), IsEmpty());
  fail(FailureKind::kUnresolved, "Host not found");  // it has an address now
  EXPECT_THAT(names(), IsEmpty());
  use_stream();
  EXPECT_THAT(names(), ElementsAre("collector_unresolved")) << "a connection is made at once";
}

TEST_F(CollectorProblemsTest, FindCertificatesThatExpire) {
  use_stream();
  std::get<CollectorStatus>(output_.details).transport = TransportKind::kTls;
  std::get<CollectorStatus>(output_.details).certificates = {
      {{CertificateOwner::kExporter, {}}, seconds(-1)},
      {{CertificateOwner::kCollector, {}}, seconds(3600)}};
  EXPECT_THAT(names(), ElementsAre("certificate_expired", "certificate_expires"));
  std::get<CollectorStatus>(output_.details).certificates = {
      {{CertificateOwner::kExporter, {}}, std::chrono::hours(365 * 24)}};
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CollectorProblemsTest, ForgetARefusalOfTcpOnceThereIsAConnection) {
  use_stream();
  std::get<CollectorStatus>(output_.details).refusals = 3;
  std::get<CollectorStatus>(output_.details).last_refusal = seconds(1);
  output_.last_failure = {FailureKind::kRefused, "Connection refused", {}};
  EXPECT_EQ(state_of(output_), CollectorState::kOk);
  EXPECT_THAT(names(), IsEmpty());
  output_.connected = false;
  EXPECT_THAT(names(), ElementsAre("collector_refused"));
  std::get<CollectorStatus>(output_.details).last_refusal = seconds(3600);  // it is still not there
  EXPECT_THAT(names(), ElementsAre("collector_refused"));
}

TEST_F(CollectorProblemsTest, GiveTheReasonOfTheLastFailure) {
  use_stream();
  fail(FailureKind::kNoAnswer, "no answer within 10 s");
  EXPECT_THAT(names(), ElementsAre("collector_unreachable"));
  EXPECT_THAT(impact(), HasSubstr("no connection to 192.0.2.10:4739: no answer within 10 s; "));
  fail(FailureKind::kHandshake, "the collector's certificate is refused: certificate has expired");
  EXPECT_THAT(names(), ElementsAre("collector_unreachable"));
  EXPECT_THAT(impact(), HasSubstr("certificate has expired"));
  fail(FailureKind::kUnresolved, "Host not found (authoritative)");
  EXPECT_THAT(names(), ElementsAre("collector_unresolved")) << "an address of before is no help";
  EXPECT_THAT(impact(), HasSubstr("Host not found"));
  fail(FailureKind::kUnreachable, "Network is unreachable");
  EXPECT_THAT(impact(), HasSubstr("Network is unreachable"));
}

TEST_F(CollectorProblemsTest, SayThatFlowsWaitOnlyWhereTheyDo) {
  use_stream();
  fail(FailureKind::kRefused, "Connection refused");
  EXPECT_THAT(impact(),
              HasSubstr("40 flow reports wait in memory; beyond spool.memory (4 MiB) the oldest "
                        "are lost, and all of them when ctflowd stops"));
  EXPECT_THAT(impact(), Not(HasSubstr("so far;")));
  output_.backlog->disk_limit = std::uint64_t{3} << 29;
  output_.counters.lost_spool_full.flows = 7;
  EXPECT_THAT(impact(),
              HasSubstr("40 flow reports wait on disk; beyond spool.size (1.5 GiB) the oldest are "
                        "lost; 7 flow reports lost so far"));
  output_.backlog.reset();
  std::get<CollectorStatus>(output_.details).transport = TransportKind::kUdp;
  fail(FailureKind::kUnreachable, "Network is unreachable");
  EXPECT_THAT(impact(), Not(HasSubstr("wait")));
  EXPECT_THAT(impact(), HasSubstr("7 flow reports lost so far"));
}

TEST_F(CollectorProblemsTest, GroupDigitsAndSpeakOfOne) {
  use_stream();
  fail(FailureKind::kRefused, "Connection refused");
  std::get<CollectorStatus>(output_.details).refusals = 14'020;
  output_.counters.waiting.flows = 1'234'567;
  EXPECT_THAT(impact(), HasSubstr("refuses connections (14 020 so far)"));
  EXPECT_THAT(impact(), HasSubstr("1 234 567 flow reports wait in memory"));
  output_.counters.waiting.flows = 1;
  EXPECT_THAT(impact(), HasSubstr("1 flow report waits in memory"));
  output_.backlog.reset();
  output_.counters.lost_spool_full.flows = 1;
  EXPECT_THAT(impact(), HasSubstr("1 flow report lost so far"));
  output_.connected = true;
  output_.last_loss = seconds(7);
  output_.counters.lost_spool_full.flows = 2000;
  EXPECT_THAT(impact(), HasSubstr("2 000 flow reports could not be sent to"));
  auto& collector = std::get<CollectorStatus>(output_.details);
  collector.transport = TransportKind::kUdp;
  collector.last_refusal = seconds(7);
  EXPECT_THAT(impact(), HasSubstr("refused 14 020 messages (ICMP"));
  collector.refusals = 1;
  EXPECT_THAT(impact(), HasSubstr("refused 1 message (ICMP"));
}

TEST_F(CollectorProblemsTest, TellOfAFileThatCannotBeWritten) {
  std::get<CollectorStatus>(output_.details).transport = TransportKind::kFile;
  output_.peer = "/var/lib/flows";
  fail(FailureKind::kFile, "No space left on device");
  EXPECT_THAT(names(), ElementsAre("collector_unreachable"));
  EXPECT_THAT(impact(), HasSubstr("files cannot be written in /var/lib/flows: No space left"));
}

TEST_F(CollectorProblemsTest, WarnBeforeTheSpoolIsFull) {
  use_stream();
  output_.backlog->memory = (std::uint64_t{4} << 20) / 10 * 9 - 1;
  EXPECT_THAT(names(), IsEmpty());
  ++output_.backlog->memory;
  EXPECT_THAT(names(), ElementsAre("spool_nearly_full"));
  output_.backlog->disk_limit = 1'000'000;  // the disk takes what memory has no room for
  EXPECT_THAT(names(), IsEmpty());
  output_.backlog->disk = 900'000;
  EXPECT_THAT(names(), ElementsAre("spool_nearly_full"));
  fail(FailureKind::kNoAnswer, "no answer within 10 s");
  EXPECT_THAT(names(), ElementsAre("collector_unreachable", "spool_nearly_full"));
}

TEST_F(CollectorProblemsTest, TellOfASpoolThatCannotBeUsed) {
  use_stream();
  output_.backlog->trouble = "note: Read-only file system";
  EXPECT_THAT(names(), ElementsAre("spool_unusable"));
  EXPECT_THAT(impact(), HasSubstr("Read-only file system"));
  output_.counters.unrecorded = {1, 12, 24, 0, 0};
  EXPECT_THAT(names(), ElementsAre("spool_unusable", "spool_unrecorded"));
  output_.backlog->trouble.clear();
  EXPECT_THAT(impact(), HasSubstr("12 flow reports were sent"));
  output_.counters.unrecorded.flows = 1;
  EXPECT_THAT(impact(), HasSubstr("1 flow report was sent"));
  EXPECT_THAT(impact(), HasSubstr("sends it again"));
}

}  // namespace
}  // namespace ctflow
