// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/row_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ctflow::postgresql {
namespace {

Rows rows_of(std::uint32_t count, char letter = 'x') {
  Rows rows;
  for (std::uint32_t i = 0; i < count; ++i) rows.text += std::string(9, letter) + "\n";
  rows.content.flows = rows.content.data_records = count;
  return rows;
}

std::string text_of(const std::vector<Rows>& batch) {
  std::string text;
  for (const Rows& rows : batch) text += rows.text;
  return text;
}

class PostgresqlQueue : public testing::Test {
 protected:
  void add(std::uint32_t count, char letter = 'x') {
    Rows rows = rows_of(count, letter);
    ASSERT_TRUE(queue_.add(rows));
  }

  RowQueue queue_{3'000'000};
};

TEST_F(PostgresqlQueue, KeepsABatchAndItsNumberUntilItIsWritten) {
  add(1, 'a');
  ASSERT_NE(queue_.batch(), nullptr);
  const std::uint64_t number = queue_.number();
  add(1, 'b');
  EXPECT_EQ(text_of(*queue_.batch()), rows_of(1, 'a').text);
  EXPECT_EQ(queue_.number(), number);
  EXPECT_EQ(queue_.written().size(), 1U);
  EXPECT_EQ(text_of(*queue_.batch()), rows_of(1, 'b').text);
  EXPECT_EQ(queue_.number(), number + 1);
  EXPECT_EQ(queue_.written().size(), 1U);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.octets(), 0U);
}

TEST_F(PostgresqlQueue, LimitsABatch) {
  for (int i = 0; i < 20; ++i) add(10'000);
  EXPECT_EQ(text_of(*queue_.batch()).size(), 1'000'000U);
}

TEST_F(PostgresqlQueue, TakesNoMoreThanItsLimitAndCountsTheBatch) {
  RowQueue queue(50);
  Rows rows = rows_of(3);
  ASSERT_TRUE(queue.add(rows));
  EXPECT_TRUE(rows.text.empty());
  ASSERT_NE(queue.batch(), nullptr);
  rows = rows_of(3);
  EXPECT_FALSE(queue.add(rows));
  EXPECT_EQ(rows.text, rows_of(3).text);
  EXPECT_EQ(queue.written().size(), 1U);
  EXPECT_TRUE(queue.add(rows));
}

/// Refuses every batch with a row of 'b', as a server does that takes no such row.
struct Outcome {
  std::string written;
  std::size_t refused = 0;
  std::size_t pieces = 0;
  std::size_t batches = 0;
};

Outcome write_all(RowQueue& queue, std::size_t pieces) {
  Outcome outcome;
  outcome.pieces = pieces;
  std::uint64_t before = 0;
  while (const std::vector<Rows>* const batch = queue.batch()) {
    EXPECT_GT(queue.number(), before);
    before = queue.number();
    ++outcome.batches;
    const std::string text = text_of(*batch);
    if (text.find('b') == std::string::npos) {
      outcome.written += text;
      outcome.pieces -= queue.written().size();
      continue;
    }
    std::size_t added = 0;
    const auto row = queue.refused(&added);
    outcome.pieces += added;
    if (!row) continue;
    EXPECT_EQ(row->text, rows_of(1, 'b').text);
    ++outcome.refused;
    --outcome.pieces;
  }
  EXPECT_EQ(queue.octets(), 0U);
  return outcome;
}

TEST_F(PostgresqlQueue, LeavesOutTheRowThatIsRefusedAndNoOther) {
  add(100, 'a');
  Rows mixed = rows_of(50, 'c');
  mixed.text += rows_of(1, 'b').text + rows_of(70, 'd').text;
  mixed.content.flows = mixed.content.data_records = 121;
  ASSERT_TRUE(queue_.add(mixed));
  add(100, 'e');
  const Outcome outcome = write_all(queue_, 3);
  EXPECT_EQ(outcome.written, rows_of(100, 'a').text + rows_of(50, 'c').text +
                                 rows_of(70, 'd').text + rows_of(100, 'e').text);
  EXPECT_EQ(outcome.refused, 1U);
  EXPECT_EQ(outcome.pieces, 0U);
  EXPECT_LT(outcome.batches, 25U);
}

TEST_F(PostgresqlQueue, LeavesOutAllRowsIfAllAreRefused) {
  add(33, 'b');
  add(1, 'b');
  const Outcome outcome = write_all(queue_, 2);
  EXPECT_EQ(outcome.written, "");
  EXPECT_EQ(outcome.refused, 34U);
  EXPECT_EQ(outcome.pieces, 0U);
}

TEST_F(PostgresqlQueue, KnowsTheOldest) {
  EXPECT_FALSE(queue_.oldest());
  Rows rows = rows_of(1);
  rows.since = TimePoint(std::chrono::seconds(5));
  ASSERT_TRUE(queue_.add(rows));
  add(1);
  EXPECT_EQ(queue_.oldest(), TimePoint(std::chrono::seconds(5)));
  ASSERT_NE(queue_.batch(), nullptr);
  EXPECT_EQ(queue_.oldest(), TimePoint(std::chrono::seconds(5)));
}

}  // namespace
}  // namespace ctflow::postgresql
