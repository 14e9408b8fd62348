// SPDX-License-Identifier: GPL-2.0-or-later
// One public address and port may lead from hosts of several conntrack zones at the same time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nat_log/answer_text.hpp"
#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::source_nat;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kSharedPort = "203.0.113.7:40213";
constexpr const char* kSharedRemote = "198.51.100.1:443";
constexpr const char* kSharedTime = "2026-11-23T10:01:30Z";

Flow in_zone(std::uint16_t zone, Flow flow) {
  flow.zone = zone;
  return flow;
}

class NatZonesTest : public testing::Test, protected test::NatLogFixture {
 protected:
  NatZonesTest() { destination = true; }

  void wait(std::chrono::seconds time) {
    pass(time);
    write();
  }

  /// Something may be missing around 10:01:30, but this went on.
  void log_with_a_hole(const Flow& flow) {
    table = {flow};
    start();
    begin(flow);
    wait(60s);
    kill();
    pass(60s);
    start();
    wait(60s);
  }

  Answer ask_in(std::optional<std::uint16_t> zone) {
    Question question;
    question.who = test::endpoint(kSharedPort);
    question.at = moment_of(test::at(kSharedTime));
    question.protocol = std::uint8_t{6};
    question.remote = test::endpoint(kSharedRemote);
    question.zone = zone;
    question.now = now();
    text_ = verdict_text(look_up(directory(), question), question);
    return look_up(directory(), question);
  }

  const Flow of_zone_7_ = in_zone(7, source_nat(1, "10.0.0.5:5000", kSharedRemote, kSharedPort));
  const Flow of_no_zone_ = source_nat(2, "10.0.0.6:6000", kSharedRemote, kSharedPort);
  std::string text_;
};

TEST_F(NatZonesTest, RowDecidesWhereNoZonesAreKnown) {
  log_with_a_hole(of_no_zone_);
  ASSERT_THAT(ask_in({}).holes, SizeIs(1));
  EXPECT_EQ(ask_in({}).verdict, Verdict::kOne);
}

TEST_F(NatZonesTest, RowOfAZoneDoesNotSayWhoWasThereInAnother) {
  log_with_a_hole(of_zone_7_);
  ASSERT_THAT(ask_in({}).holes, SizeIs(1));
  EXPECT_EQ(ask_in({}).verdict, Verdict::kCannotSay);
  EXPECT_THAT(text_, HasSubstr("zone 7"));
  EXPECT_THAT(text_, HasSubstr("--zone decides"));
  EXPECT_EQ(ask_in(7).verdict, Verdict::kOne);
  EXPECT_EQ(ask_in(8).verdict, Verdict::kCannotSay);
  EXPECT_THAT(ask_in(8).found, SizeIs(0));
}

TEST_F(NatZonesTest, RowWithoutAZoneDoesNotDecideWhereTheLogHasOthers) {
  start();
  begin(in_zone(7, source_nat(9, "10.0.0.9:9000", kSharedRemote, "203.0.113.7:1024")));
  write();
  kill();
  log_with_a_hole(of_no_zone_);
  EXPECT_EQ(ask_in({}).verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask_in(0).verdict, Verdict::kOne);
}

TEST_F(NatZonesTest, RowOfAZoneDoesNotTakeThePortFromAMap) {
  exceptions = true;
  start();
  set_maps({test::map_entry("10.0.0.6", "203.0.113.7", 40000, 41000)});
  wait(60s);
  begin(of_zone_7_);
  wait(120s);
  EXPECT_EQ(ask_in({}).verdict, Verdict::kSeveral);
  EXPECT_THAT(text_, HasSubstr("--zone decides"));
  const Answer without = ask_in(0);
  EXPECT_EQ(without.verdict, Verdict::kOne);
  EXPECT_EQ(without.found.front().inside_address, "10.0.0.6");
  EXPECT_EQ(ask_in(7).found.front().inside_address, "10.0.0.5");
}

}  // namespace
}  // namespace ctflow::nat
