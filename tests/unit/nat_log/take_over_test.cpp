// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of connections that went on stay when the file of the day of their begin is removed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sqlite/sqlite.hpp"
#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::source_nat;
using testing::IsEmpty;
using testing::SizeIs;

const Flow kLongOne = source_nat(1, "10.0.0.5:5000", "198.51.100.1:443", "203.0.113.7:40213");

class TakeOverTest : public testing::Test, protected test::NatLogFixture {};

TEST_F(TakeOverTest, SaysWhoHadAPortOfAConnectionThatIsOlderThanTheRetention) {
  retention = std::chrono::days(3);
  start();
  begin(kLongOne);
  for (int day = 0; day < 5; ++day) {
    write();
    pass(24h);
  }
  write();
  ASSERT_EQ(file_name(list_days(directory()).front()), "nat-20261125.sqlite");
  const Answer found = ask("203.0.113.7:40213", "2026-11-27T12:00:00Z");
  ASSERT_THAT(found.found, SizeIs(1));
  EXPECT_EQ(found.found.front().inside_address, "10.0.0.5");
  EXPECT_THAT(found.missing, IsEmpty());
  EXPECT_EQ(found.verdict, Verdict::kOne);
  EXPECT_EQ(found.found.front().began, moment_of(test::at("2026-11-23T10:00:00Z")));
  EXPECT_EQ(ask("203.0.113.7:2000", "2026-11-26T12:00:00Z").verdict, Verdict::kNone);
  kill();
  table = {kLongOne};
  start();
  pass(60s);
  write();
  end(kLongOne);
  write();
  pass(1h);
  write();
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-28T10:00:50Z").verdict, Verdict::kOne);
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-28T10:30:00Z").verdict, Verdict::kNone);
}

TEST_F(TakeOverTest, KeepsWhatEndedOnADayUntilThatIsRemoved) {
  retention = std::chrono::days(2);
  start();
  pass(13h + 50min);
  const Flow late = source_nat(3, "10.0.0.7:7000", "198.51.100.1:443", "203.0.113.7:1024");
  const Flow early = source_nat(4, "10.0.0.8:7000", "198.51.100.1:443", "203.0.113.7:1025");
  begin(early);
  begin(late);
  pass(5min);
  end(early);
  pass(10min);
  end(late);  // at 00:05
  for (int day = 0; day < 2; ++day) {
    write();
    pass(24h);
  }
  write();
  ASSERT_EQ(file_name(list_days(directory()).front()), "nat-20261124.sqlite");
  EXPECT_EQ(ask("203.0.113.7:1024", "2026-11-24T00:02:00Z").verdict, Verdict::kOne);
  EXPECT_EQ(ask("203.0.113.7:1025", "2026-11-24T00:02:00Z").verdict, Verdict::kNone);
  const Database file(directory() + "/nat-20261124.sqlite", Database::Access::kRead);
  Statement rows(file, "SELECT count(*) FROM nat");
  ASSERT_TRUE(rows.step());
  EXPECT_EQ(rows.number(0), 1) << "not what had ended before";
}

}  // namespace
}  // namespace ctflow::nat
