// SPDX-License-Identifier: GPL-2.0-or-later
// A host opens a connection again with the same ports: the kernel gives it the same id, as a rule.
#include <gtest/gtest.h>

#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::source_nat;

constexpr const char* kPublicOfBoth = "203.0.113.7:40213";
constexpr const char* kRemoteOfBoth = "198.51.100.1:443";

class SuccessorTest : public testing::Test, protected test::NatLogFixture {
 protected:
  SuccessorTest() {
    destination = true;
    start();
    begin(flow_);
    write_after(60s);
  }

  void write_after(std::chrono::seconds time) {
    pass(time);
    write();
  }
  /// As the kernel has it.
  Flow begun_at(const std::string& time) const {
    Flow flow = flow_;
    flow.present.start = true;
    flow.start = test::at(time);
    return flow;
  }
  Answer ask_at(const std::string& time) { return ask(kPublicOfBoth, time, kRemoteOfBoth); }

  const Flow flow_ = source_nat(1, "10.0.0.5:5000", kRemoteOfBoth, kPublicOfBoth);
};

// Ten seconds after the table was read the row of the former is closed.
TEST_F(SuccessorTest, HasARowWhereTheEndOfTheFormerWasNotSeen) {
  kill();
  pass(10s);
  start();
  pass(2s);
  begin(flow_);
  table = {flow_};
  write();
  write_after(30s);
  write_after(30s);
  EXPECT_EQ(ask_at("2026-11-23T10:01:40Z").verdict, Verdict::kOne);
  EXPECT_EQ(ask_at("2026-11-23T10:01:20Z").found.size(), 1U);
  const Found former = ask_at("2026-11-23T10:00:30Z").found.at(0);
  EXPECT_EQ(former.ended, moment_of(test::at("2026-11-23T10:01:10Z"))) << "the table was read";
  EXPECT_EQ(store().open(), 1U);
  end(flow_);
  write_after(60s);
  EXPECT_EQ(store().open(), 0U);
  EXPECT_EQ(ask_at("2026-11-23T10:01:40Z").verdict, Verdict::kOne);
  EXPECT_EQ(ask_at("2026-11-23T10:02:30Z").verdict, Verdict::kNone);
}

TEST_F(SuccessorTest, ThatTheTableHasIsNotTheFormer) {
  kill();
  pass(10s);
  table = {begun_at("2026-11-23T10:01:05Z")};
  start();
  write_after(30s);
  // It may have been another host's between the two.
  EXPECT_EQ(ask_at("2026-11-23T10:01:03Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask_at("2026-11-23T10:00:30Z").verdict, Verdict::kOne);
  EXPECT_EQ(ask_at("2026-11-23T10:01:20Z").verdict, Verdict::kOne);
}

TEST_F(SuccessorTest, WhoseBeginningWasMissedHasARow) {
  hole(HoleReason::kEventsLost);
  write_after(1s);  // the table is read at 10:01:01
  Flow successor = begun_at("2026-11-23T10:01:06Z");
  successor.removed = test::at("2026-11-23T10:01:08Z");
  end(successor);
  write_after(8s);
  write_after(60s);
  EXPECT_EQ(ask_at("2026-11-23T10:01:03.500Z").verdict, Verdict::kNone);
  EXPECT_EQ(ask_at("2026-11-23T10:01:07Z").verdict, Verdict::kOne);
  EXPECT_EQ(store().open(), 0U);
}

TEST_F(SuccessorTest, IsNotWhatTheTableHadBeforeItsEventCame) {
  table = {begun_at("2026-11-23T10:00:00Z")};
  hole(HoleReason::kEventsLost);
  write_after(1s);
  Flow late = source_nat(2, "10.0.0.6:5000", kRemoteOfBoth, "203.0.113.7:40214");
  table.push_back(late);
  hole(HoleReason::kEventsLost);
  write_after(20s);
  begin(late);
  write_after(1s);
  EXPECT_EQ(store().open(), 2U);
  EXPECT_EQ(ask("203.0.113.7:40214", "2026-11-23T10:01:21Z").found.size(), 1U);
  EXPECT_EQ(ask_at("2026-11-23T10:01:21Z").found.size(), 1U);
}

}  // namespace
}  // namespace ctflow::nat
