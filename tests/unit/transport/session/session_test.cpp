// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/session/session.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "support/kept_messages.hpp"

namespace ctflow {
namespace {

using test::counted_message;
using test::sequence_of;

constexpr TimePoint kNow{std::chrono::milliseconds(1'700'000'000'500)};

class SessionSequenceTest : public testing::Test {
 protected:
  std::uint32_t stamped(CountedMessage message, std::uint64_t run = 1) {
    sequence_.stamp(message.bytes, message.content, run, kNow);
    return sequence_of(message.bytes);
  }

  SessionSequence sequence_;
};

TEST_F(SessionSequenceTest, BeginsWithZeroWhateverTheProcessHasSentBefore) {
  EXPECT_EQ(stamped(counted_message(5000, 3)), 0U);
  EXPECT_EQ(stamped(counted_message(5003, 2)), 3U);
  EXPECT_EQ(stamped(counted_message(5005, 1)), 5U);
}

TEST_F(SessionSequenceTest, LeavesAGapWhereMessagesAreMissing) {
  stamped(counted_message(10, 3));
  EXPECT_EQ(stamped(counted_message(20, 1)), 10U) << "7 records were lost in between";
}

TEST_F(SessionSequenceTest, CountsOptionsRecords) {
  CountedMessage options = counted_message(0, 0);
  options.content.option_records = 4;
  stamped(options);
  EXPECT_EQ(stamped(counted_message(4, 1)), 4U);
}

TEST_F(SessionSequenceTest, LeavesNoGapBetweenRuns) {
  stamped(counted_message(0, 2), kFirstMessages);
  EXPECT_EQ(stamped(counted_message(900, 3), 5), 2U);
  EXPECT_EQ(stamped(counted_message(7, 1), 6), 5U);
}

TEST_F(SessionSequenceTest, RunsOverTheEndOf32Bits) {
  stamped(counted_message(0xffff'fffe, 3));
  EXPECT_EQ(stamped(counted_message(1, 1)), 3U);
}

TEST_F(SessionSequenceTest, TakesAnEarlierMessageForNoGap) {
  stamped(counted_message(100, 3));
  EXPECT_EQ(stamped(counted_message(50, 1)), 3U);
}

TEST_F(SessionSequenceTest, TakesWhatFollowsAnEarlierMessageForNoGap) {
  stamped(counted_message(100, 3));
  stamped(counted_message(50, 1));
  EXPECT_EQ(stamped(counted_message(103, 1)), 4U);
}

TEST_F(SessionSequenceTest, WritesTheTimeOfLeavingUnlessTheMessageIsFromLater) {
  CountedMessage message = counted_message(0, 1);
  sequence_.stamp(message.bytes, message.content, 1, kNow);
  EXPECT_EQ(test::export_time_of(message.bytes), 1'700'000'001U) << "rounded up";
  wire::store(message.bytes.data() + 4, std::uint32_t{1'800'000'000});
  sequence_.stamp(message.bytes, message.content, 1, kNow);
  EXPECT_EQ(test::export_time_of(message.bytes), 1'800'000'000U);
}

TEST(SameSession, IgnoresTimeAndSequenceOnly) {
  const auto one = test::sample_origin();
  CountedMessage later = one->first_messages[0];
  wire::store(later.bytes.data() + 4, std::uint32_t{99});
  wire::store(later.bytes.data() + 8, std::uint32_t{99});
  EXPECT_TRUE(same_session(*one, *make_origin({later})));
  wire::store(later.bytes.data() + 12, std::uint32_t{99});
  EXPECT_FALSE(same_session(*one, *make_origin({later}))) << "another Observation Domain";
  EXPECT_FALSE(same_session(*one, *test::sample_origin(0xf1)));
  EXPECT_FALSE(same_session(*one, *make_origin({})));
}

TEST(MakeOrigin, GivesEachItsOwnRun) {
  EXPECT_NE(make_origin({})->run, make_origin({})->run);
  EXPECT_NE(make_origin({})->run, kFirstMessages);
}

TEST(IsIpfixMessage, AsksForVersionAndLength) {
  CountedMessage message = counted_message(0, 1);
  EXPECT_TRUE(is_ipfix_message(message.bytes));
  EXPECT_FALSE(is_ipfix_message(std::span(message.bytes).first(99)));
  EXPECT_FALSE(is_ipfix_message(std::span(message.bytes).first(3)));
  message.bytes[1] = std::byte{9};
  EXPECT_FALSE(is_ipfix_message(message.bytes));
}

TEST(SessionLines, AreWholeLinesOfJsonOrOneWithoutItsEnd) {
  const auto lines = [](std::string_view text) { return is_lines(std::as_bytes(std::span(text))); };
  EXPECT_TRUE(lines("{\"v\":1}\n{\"v\":1}\n"));
  EXPECT_TRUE(lines("{\"v\":1}"));
  EXPECT_FALSE(lines("{\"v\":1"));
  EXPECT_FALSE(lines("\"v\":1}\n"));
  EXPECT_FALSE(lines(""));
}

}  // namespace
}  // namespace ctflow
