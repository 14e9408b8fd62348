// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/session_ledger.hpp"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "support/temporary_directory.hpp"

namespace ctflow::accounting {
namespace {

class SessionLedgerTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<LeftSession> left() { return left_sessions(database_, another_runs_); }

  test::TemporaryDirectory directory_;
  std::string database_ = directory_.path("accounting.sqlite");
  bool another_runs_ = false;
};

TEST_F(SessionLedgerTest, KeepsItsSumsAfterItsEnd) {
  const Amounts one{1, 2, 3, 4, 5};
  std::string id;
  {
    SessionLedger ledger(database_);
    ledger.add(Direction::kLocal, one);
    ledger.add(Direction::kLocal, one);
    ledger.add(Direction::kSelf, one);
    id = ledger.id();
    EXPECT_EQ(ledger.totals().flows, 3U);
  }
  const auto found = left();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, id);
  EXPECT_EQ(found[0].totals.flows, 3U);
  EXPECT_EQ(found[0].totals.amounts[2], (Amounts{2, 4, 6, 8, 10}));
  EXPECT_EQ(found[0].totals.amounts[4], one);
  EXPECT_EQ(found[0].totals.amounts[0], Amounts{});
  EXPECT_FALSE(another_runs_);
}

TEST_F(SessionLedgerTest, TakesBackWhatAKillInterrupted) {
  const Amounts one{1, 2, 3, 4, 5};
  {
    SessionLedger ledger(database_);
    ledger.begin(Direction::kLocal, 77);
    ledger.add(Direction::kLocal, one);
    EXPECT_EQ(left().size(), 0U);
    ledger.begin(Direction::kLocal, 78);
  }
  auto found = left();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].undone, 78U);
  EXPECT_EQ(found[0].totals.flows, 1U);
  EXPECT_EQ(found[0].totals.amounts[2], one);
  const auto add_some = [&](std::size_t word) {
    std::fstream file(found[0].file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(word * sizeof(std::uint64_t)));
    const std::uint64_t much = 1000;
    file.write(reinterpret_cast<const char*>(&much), sizeof much);
  };
  add_some(1);       // flows
  add_some(2 + 10);  // octets of kLocal
  found.clear();
  found = left();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].totals.flows, 1U);
  EXPECT_EQ(found[0].totals.amounts[2], one);
}

TEST_F(SessionLedgerTest, LeavesNoRecordUndoneThatWasAdded) {
  {
    SessionLedger ledger(database_);
    ledger.begin(Direction::kIn, 77);
    ledger.add(Direction::kIn, {1, 1, 1, 1, 1});
  }
  const auto found = left();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].undone, 0U);
  EXPECT_EQ(found[0].totals.flows, 1U);
}

TEST_F(SessionLedgerTest, KnowsWhatWasWrittenWheneverItWasKilled) {
  const auto sums_of = [](const Amounts& amounts) {
    SessionTotals totals;
    totals.amounts[1] = amounts;
    totals.amounts[4] = {0, 0, 0, 0, amounts.connections};
    return totals;
  };
  for (std::uint64_t times = 0; times < 4; ++times) {
    {
      SessionLedger ledger(database_);
      for (std::uint64_t i = 1; i <= times; ++i) ledger.note_written(sums_of({i, 2, 3, 4, i}));
    }
    auto found = left();
    ASSERT_EQ(found.size(), 1U);
    const std::string name = found[0].file;
    found.clear();
    {  // of the next note some words came, and not the last one
      std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
      constexpr std::size_t kFirst = 36;
      file.seekp(static_cast<std::streamoff>((kFirst + (times % 2 == 0 ? 25 : 0)) * 8));
      const std::array<std::uint64_t, 11> some{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
      file.write(reinterpret_cast<const char*>(some.data()), sizeof some);
    }
    found = left();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].written,
              times == 0 ? SessionTotals().amounts : sums_of({times, 2, 3, 4, times}).amounts);
    std::filesystem::remove(name);
  }
}

TEST_F(SessionLedgerTest, ReadsThatOfAnEarlierVersion) {
  {
    SessionLedger ledger(database_);
    ledger.add(Direction::kIn, {1, 2, 3, 4, 5});
    ledger.note_written(ledger.totals());
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory_.name())) {
    std::filesystem::resize_file(entry.path(), 27 * sizeof(std::uint64_t));
  }
  const auto found = left();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].totals.flows, 1U);
  EXPECT_EQ(found[0].totals.amounts[0], (Amounts{1, 2, 3, 4, 5}));
  EXPECT_EQ(found[0].written, SessionTotals().amounts) << "it did not say so";
}

TEST_F(SessionLedgerTest, IsNotLeftWhileItLives) {
  const SessionLedger ledger(database_);
  EXPECT_TRUE(left().empty());
  EXPECT_TRUE(another_runs_);
}

TEST_F(SessionLedgerTest, TakesADamagedFileForNothing) {
  SessionLedger(database_).add(Direction::kIn, {1, 1, 1, 1, 1});
  for (const auto& entry : std::filesystem::directory_iterator(directory_.name())) {
    std::filesystem::resize_file(entry.path(), 100);
  }
  const auto found = left();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].totals, SessionTotals{});
}

TEST_F(SessionLedgerTest, ThrowsWhereItCannotBe) {
  EXPECT_THROW(SessionLedger("/proc/nonexistent/accounting.sqlite"), std::system_error);
}

TEST_F(SessionLedgerTest, IsInTheRuntimeDirectoryWhereThereIsOne) {
  const test::TemporaryDirectory runtime;
  setenv("RUNTIME_DIRECTORY", runtime.name().c_str(), 1);
  const std::string prefix = session_prefix(database_);
  EXPECT_EQ(std::filesystem::path(prefix).parent_path(), runtime.name());
  EXPECT_NE(session_prefix(directory_.path("other.sqlite")), prefix);
  setenv("RUNTIME_DIRECTORY", "/nonexistent", 1);
  EXPECT_EQ(session_prefix(database_), database_);
  unsetenv("RUNTIME_DIRECTORY");
}

}  // namespace
}  // namespace ctflow::accounting
