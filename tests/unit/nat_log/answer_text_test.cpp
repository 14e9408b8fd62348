// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/answer_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctflow::nat {
namespace {

using testing::HasSubstr;

TEST(AnswerText, HasWordsForOneRemovalOfEachKind) {
  EXPECT_EQ(forgotten_text({.inside = 1, .remote = 1, .entries = 1, .kept = 1, .files = 1}),
            "removed from 1 file: as the inside address from 1 row, as the remote address from 1 "
            "row\n"
            "removed from 1 entry of a map that held once\n"
            "1 entry of a map that holds names it still: it is the configuration of this host, "
            "change the ruleset, then run this again\n");
  EXPECT_EQ(still_there_text({.busy = 1}),
            "1 file is being read by others, and its write-ahead log still has it: run this "
            "again\n");
}

TEST(AnswerText, HasWordsForSeveralRemovalsAndForNone) {
  EXPECT_EQ(forgotten_text({.inside = 14'020, .entries = 2, .kept = 3, .files = 4}),
            "removed from 4 files: as the inside address from 14 020 rows, as the remote address "
            "from 0 rows\n"
            "removed from 2 entries of maps that held once\n"
            "3 entries of maps that hold name it still: they are the configuration of this host, "
            "change the ruleset, then run this again\n");
  EXPECT_EQ(forgotten_text({}),
            "removed from 0 files: as the inside address from 0 rows, as the remote address from 0 "
            "rows\n");
  EXPECT_EQ(still_there_text({.busy = 2}),
            "2 files are being read by others, and their write-ahead log still has it: run this "
            "again\n");
  EXPECT_EQ(still_there_text({}), "");
}

TEST(AnswerText, HasWordsForAHoleOfOneBeginningOrEnd) {
  Answer answer;
  answer.holes.resize(1);
  answer.holes[0].reason = "queue_full";
  answer.holes[0].connections = 1;
  EXPECT_THAT(verdict_text(answer, {}), HasSubstr(" to now: queue_full, 1 beginning or end\n"));
  answer.holes[0].connections = 2;
  EXPECT_THAT(verdict_text(answer, {}), HasSubstr(" to now: queue_full, 2 beginnings and ends\n"));
  answer.holes[0].connections = 0;
  EXPECT_THAT(verdict_text(answer, {}), HasSubstr(" to now: queue_full\n"));
}

}  // namespace
}  // namespace ctflow::nat
