// SPDX-License-Identifier: GPL-2.0-or-later
// What source.filter excludes has no row, and "none" would be wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nat_log/read_table.hpp"
#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::source_nat;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kTime = "2026-11-23T10:01:30Z";
constexpr const char* kPublicPort = "203.0.113.7:40213";
const Flow kFlow = source_nat(1, "10.0.0.5:5000", "198.51.100.1:443", kPublicPort);

ConnectionMatch of(const std::vector<std::uint64_t>& protocols) {
  ConnectionMatch match;
  match.protocols = protocols;
  return match;
}

TEST(LeftOutTest, IsNothingWithoutAFilter) { EXPECT_EQ(left_out_by(FilterConfig{}), 0); }

TEST(LeftOutTest, IsWhatNoRuleIncludesAsAWhole) {
  EXPECT_EQ(left_out_by(FilterConfig{{of({IPPROTO_TCP})}, {}}), left_out::kUdp | left_out::kOthers);
  EXPECT_EQ(left_out_by(FilterConfig{{of({IPPROTO_TCP}), of({IPPROTO_UDP})}, {}}),
            left_out::kOthers);
  EXPECT_EQ(left_out_by(FilterConfig{{of({IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP})}, {}}),
            left_out::kOthers);
  EXPECT_EQ(left_out_by(FilterConfig{{of({})}, {}}), 0);
  ConnectionMatch some = of({IPPROTO_TCP});
  some.marks.push_back({1});
  EXPECT_EQ(left_out_by(FilterConfig{{some, of({IPPROTO_UDP})}, {}}),
            left_out::kTcp | left_out::kOthers);
}

TEST(LeftOutTest, IsWhatARuleMayExclude) {
  EXPECT_EQ(left_out_by(FilterConfig{{}, {of({IPPROTO_UDP})}}), left_out::kUdp);
  EXPECT_EQ(left_out_by(FilterConfig{{of({IPPROTO_TCP, IPPROTO_UDP})}, {of({IPPROTO_ICMP})}}),
            left_out::kOthers);
  ConnectionMatch network;
  network.networks.push_back({AddressFamily::kIpv4, IpAddress{{10}}, 8});
  EXPECT_EQ(left_out_by(FilterConfig{{}, {network}}),
            left_out::kTcp | left_out::kUdp | left_out::kOthers);
}

class LeftOutOfLogTest : public testing::Test, protected test::NatLogFixture {
 protected:
  /// A log of two minutes.
  void write_log() {
    start();
    pass(60s);
    begin(kFlow);
    write();
    pass(60s);
    write();
  }
};

TEST_F(LeftOutOfLogTest, CannotBeSaidToBeNobody) {
  feed.left_out = left_out::kUdp | left_out::kOthers;
  write_log();
  const Answer answer = ask(kPublicPort, kTime, "", IPPROTO_UDP);
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
  EXPECT_THAT(answer.missing, ElementsAre(HasSubstr("source.filter")));
  EXPECT_EQ(ask(kPublicPort, kTime, "", IPPROTO_ICMP).verdict, Verdict::kCannotSay);
}

TEST_F(LeftOutOfLogTest, DoesNotConcernOtherProtocols) {
  feed.left_out = left_out::kUdp | left_out::kOthers;
  write_log();
  EXPECT_EQ(ask(kPublicPort, kTime).verdict, Verdict::kOne);
  EXPECT_EQ(ask("203.0.113.7:1", kTime).verdict, Verdict::kNone);
  EXPECT_THAT(ask(kPublicPort, kTime).missing, IsEmpty());
}

TEST_F(LeftOutOfLogTest, ConcernsAQuestionForAllProtocols) {
  feed.left_out = left_out::kUdp;
  write_log();
  Question question;
  question.who = test::endpoint(kPublicPort);
  question.at = moment_of(test::at(kTime));
  question.now = now();
  const Answer answer = look_up(directory(), question);
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
  EXPECT_EQ(answer.found.size(), 1U);
}

TEST_F(LeftOutOfLogTest, MayHaveHadThePortAsWellUnlessTheRemoteEndDecides) {
  feed.left_out = left_out::kTcp;
  destination = true;
  write_log();
  EXPECT_EQ(ask(kPublicPort, kTime).verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask(kPublicPort, kTime, "198.51.100.1").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask(kPublicPort, kTime, "198.51.100.1:443").verdict, Verdict::kOne);
  EXPECT_EQ(ask(kPublicPort, kTime, "198.51.100.1:80").verdict, Verdict::kCannotSay);
}

TEST_F(LeftOutOfLogTest, IsWhatOtherZonesHave) {
  SourceConfig source;
  EXPECT_EQ(left_out_by(source), 0);
  source.zones = {9};
  feed.left_out = left_out_by(source);
  destination = true;
  write_log();
  for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP}) {
    const Answer answer = ask("203.0.113.7:1", kTime, "", static_cast<std::uint8_t>(protocol));
    EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
    EXPECT_THAT(answer.missing, ElementsAre(HasSubstr("zones")));
  }
  EXPECT_EQ(ask(kPublicPort, kTime).verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask(kPublicPort, kTime, "198.51.100.1:443").verdict, Verdict::kCannotSay)
      << "of its zone only";
}

TEST_F(LeftOutOfLogTest, IsKnownForAllOfTheDayOnWhichTheFilterWasThere) {
  feed.left_out = left_out::kUdp;
  write_log();
  kill();
  feed.left_out = left_out::kTcp;
  start();
  pass(60s);
  write();
  EXPECT_EQ(ask(kPublicPort, kTime, "", IPPROTO_UDP).verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask(kPublicPort, kTime, "", IPPROTO_TCP).verdict, Verdict::kCannotSay);
  EXPECT_THAT(ask(kPublicPort, kTime, "", IPPROTO_ICMP).missing, IsEmpty());
  kill();
  feed.left_out = 0;
  pass(24h);
  start();
  pass(60s);
  write();
  pass(10s);
  write();
  EXPECT_THAT(ask(kPublicPort, "2026-11-24T10:03:50Z", "", IPPROTO_UDP).missing, IsEmpty());
}

}  // namespace
}  // namespace ctflow::nat
