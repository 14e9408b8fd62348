// SPDX-License-Identifier: GPL-2.0-or-later
// The time rules of the NetFlow v9 encoder: the collector computes UNIX secs * 1000 - sysUpTime and
// adds FIRST_SWITCHED and LAST_SWITCHED (RFC 3954 sections 5.1 and 8).
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint32_t kFirstSwitched = 22;
constexpr std::uint32_t kLastSwitched = 21;
constexpr std::int64_t kLargestUpTime = std::numeric_limits<std::uint32_t>::max();
constexpr hours kYear{8766};

std::int64_t ms_of(TimePoint time) { return expected::floor_ms(time); }

/// What a collector makes of one message with one flow.
struct TimesRead {
  std::uint32_t sys_up_time;
  std::uint32_t unix_secs;
  std::int64_t base;   ///< ms since 1970
  std::int64_t first;  ///< ms since 1970
  std::int64_t last;   ///< ms since 1970
  std::uint64_t raw_first;
  std::uint64_t raw_last;
};

class Netflow9Time : public ::testing::Test {
 protected:
  void boot_at(TimePoint boot) { encoder_ = make_encoder(Protocol::kNetflow9, false, boot); }

  TimesRead read(TimePoint now, TimePoint start, TimePoint end) {
    Flow flow = sample::snat_silent();
    flow.start = start;
    flow.end = end;
    const ParsedMessage message = parser_.parse(encode_flows(*encoder_, {flow}, now));
    const ParsedRecord record = message.records().at(0);
    const auto first = record.number(kFirstSwitched);
    const auto last = record.number(kLastSwitched);
    return {.sys_up_time = message.sys_up_time,
            .unix_secs = message.export_time,
            .base = message.base_ms(),
            .first = message.base_ms() + static_cast<std::int64_t>(first),
            .last = message.base_ms() + static_cast<std::int64_t>(last),
            .raw_first = first,
            .raw_last = last};
  }

  /// A flow of the last few seconds, whose times must come back exactly.
  TimesRead read_recent(TimePoint now) {
    const TimePoint start = now - milliseconds(7654) - nanoseconds(321);
    const TimePoint end = now - milliseconds(1234) - nanoseconds(567);
    const TimesRead reading = read(now, start, end);
    EXPECT_EQ(reading.first, ms_of(start)) << "first, at " << ms_of(now);
    EXPECT_EQ(reading.last, ms_of(end)) << "last, at " << ms_of(now);
    EXPECT_LE(reading.raw_last, reading.sys_up_time);
    EXPECT_EQ(reading.unix_secs, std::chrono::ceil<seconds>(now).time_since_epoch().count());
    return reading;
  }

  std::unique_ptr<Encoder> encoder_ = make_encoder(Protocol::kNetflow9);
  MessageParser parser_ = informed_parser(Protocol::kNetflow9);
};

TEST_F(Netflow9Time, HeaderYieldsTheBootTimeToTheMillisecond) {
  for (int i = 0; i < 50; ++i) {
    const TimePoint now = kSampleNow + seconds(i) + nanoseconds(i * 19'999'999);
    EXPECT_EQ(read_recent(now).base, ms_of(kSampleBoot));
  }
}

TEST_F(Netflow9Time, RoundsUnixSecsUp) {
  EXPECT_EQ(read_recent(at_ns(1'700'000'100'000'000'000)).unix_secs, 1'700'000'100U);
  EXPECT_EQ(read_recent(at_ns(1'700'000'100'000'000'001)).unix_secs, 1'700'000'101U);
  EXPECT_EQ(read_recent(at_ns(1'700'000'100'999'999'999)).unix_secs, 1'700'000'101U);
}

TEST_F(Netflow9Time, StaysExactWhenTheBootTimeHasAFractionOfAMillisecond) {
  boot_at(kSampleBoot + nanoseconds(1));
  const std::int64_t base = read_recent(kSampleNow).base;
  EXPECT_EQ(read_recent(kSampleNow + seconds(10)).base, base);
  boot_at(kSampleBoot + nanoseconds(999'999));
  read_recent(kSampleNow);
}

TEST_F(Netflow9Time, ClampsTimesBeforeTheBaseToZero) {
  const TimesRead begun_before = read(kSampleNow, kSampleBoot - seconds(5), kSampleEnd);
  EXPECT_EQ(begun_before.raw_first, 0U);
  EXPECT_EQ(begun_before.last, ms_of(kSampleEnd));
  const TimesRead before = read(kSampleNow, kSampleBoot - seconds(5), kSampleBoot - seconds(4));
  EXPECT_EQ(before.raw_first, 0U);
  EXPECT_EQ(before.raw_last, 0U);
  const TimesRead ages_ago = read(kSampleNow, at_ms(0), at_ms(1));
  EXPECT_EQ(ages_ago.raw_first, 0U);
  EXPECT_EQ(ages_ago.raw_last, 0U);
}

// Filebeat ignores times after the header's. A record that waited while the clock was set back ends
// after it; how long the connection lasted is true by any clock.
TEST_F(Netflow9Time, KeepsDurationsWhereTheClockWasSetBack) {
  const TimesRead ends_later = read(kSampleNow, kSampleStart, kSampleNow + seconds(10));
  EXPECT_EQ(ends_later.raw_last, ends_later.sys_up_time);
  EXPECT_EQ(ends_later.last - ends_later.first,
            ms_of(kSampleNow + seconds(10)) - ms_of(kSampleStart));
  const TimesRead later =
      read(kSampleNow, kSampleNow + hours(1), kSampleNow + hours(1) + seconds(90));
  EXPECT_EQ(later.raw_last, later.sys_up_time);
  EXPECT_EQ(later.last - later.first, 90'000);
  const TimesRead ages_later = read(kSampleNow, kSampleStart, kSampleNow + 50 * kYear);
  EXPECT_EQ(ages_later.raw_last, ages_later.sys_up_time);
  EXPECT_EQ(ages_later.raw_first, 0U) << "not before the header's base";
}

// One message holds flows inside and outside the range: a clamp spares the neighbours.
TEST_F(Netflow9Time, ClampsOnlyTheFlowThatNeedsIt) {
  Flow old = sample::snat_silent();
  old.start = kSampleBoot - hours(1);
  old.end = kSampleBoot - hours(1) + seconds(1);
  Flow future = sample::snat_silent();
  future.end = kSampleNow + hours(1);
  const ParsedMessage message =
      parser_.parse(encode_flows(*encoder_, {sample::tcp(), old, future, sample::udp6()}));
  const auto texts = texts_of(message);
  ASSERT_EQ(texts.size(), 6U);
  const auto tcp = expected_records(sample::tcp(), Protocol::kNetflow9, false);
  const auto udp6 = expected_records(sample::udp6(), Protocol::kNetflow9, false);
  EXPECT_EQ(texts[0], tcp[0]);
  EXPECT_EQ(texts[1], tcp[1]);
  EXPECT_EQ(message.records()[2].number(kLastSwitched), 0U);
  EXPECT_EQ(message.records()[3].number(kLastSwitched), message.sys_up_time);
  EXPECT_EQ(texts[4], udp6[0]);
  EXPECT_EQ(texts[5], udp6[1]);
}

TEST_F(Netflow9Time, SysUpTimeReachesItsLargestValueAndStaysThere) {
  // The largest value exactly at `full`, a whole second.
  const TimePoint full = at_ms(1'700'000'000'000);
  boot_at(full - milliseconds(kLargestUpTime));
  std::uint32_t previous = 0;
  for (int second = -3; second <= 3; ++second) {
    const TimesRead reading = read_recent(full + seconds(second));
    EXPECT_GE(reading.sys_up_time, previous) << second;
    if (second <= 0) {
      EXPECT_EQ(reading.base, ms_of(full) - kLargestUpTime) << second;
    }
    if (second > 1) {
      EXPECT_EQ(reading.sys_up_time, previous) << second;
    }
    previous = reading.sys_up_time;
  }
}

TEST_F(Netflow9Time, StaysExactWhenTheDeviceRunsForMoreThan49Days) {
  boot_at(kSampleNow - hours(24 * 60));
  const TimesRead first = read_recent(kSampleNow);
  for (const auto later : {hours(0), hours(1), hours(24 * 30), hours(24 * 365)}) {
    const TimesRead reading = read_recent(kSampleNow + later + milliseconds(later.count() % 997));
    EXPECT_EQ(reading.sys_up_time, first.sys_up_time);
    EXPECT_GE(reading.base, first.base);
  }
}

TEST_F(Netflow9Time, ClampsWhatIsOlderThanASlidingBase) {
  boot_at(kSampleNow - hours(24 * 60));
  const TimesRead reading = read(kSampleNow, kSampleNow - hours(24 * 55), kSampleNow - seconds(3));
  EXPECT_EQ(reading.raw_first, 0U);
  EXPECT_EQ(reading.last, ms_of(kSampleNow - seconds(3)));
}

/// A base that slides must still reach back far: conntrack entries live for days.
TEST_F(Netflow9Time, KeepsAFlowOfFortyDaysExactWhenTheBaseSlides) {
  boot_at(kSampleNow - hours(24 * 60));
  const TimePoint start = kSampleNow - hours(24 * 40) - nanoseconds(1);
  const TimesRead reading = read(kSampleNow, start, kSampleNow - seconds(3));
  EXPECT_EQ(reading.first, ms_of(start));
  EXPECT_EQ(reading.last, ms_of(kSampleNow - seconds(3)));
}

TEST_F(Netflow9Time, SysUpTimeStaysWhenTheClockStepsBack) {
  const TimesRead before = read_recent(kSampleNow);
  const TimePoint stepped = kSampleNow - hours(1);
  const TimesRead after = read_recent(stepped);
  EXPECT_EQ(after.sys_up_time, before.sys_up_time);
  EXPECT_EQ(read_recent(stepped + seconds(30)).sys_up_time, before.sys_up_time);
}

TEST_F(Netflow9Time, ReturnsToTheBootTimeOnceTheClockHasCaughtUp) {
  const TimesRead before = read_recent(kSampleNow);
  read_recent(kSampleNow - hours(1));
  const TimesRead caught_up = read_recent(kSampleNow + seconds(1));
  EXPECT_EQ(caught_up.sys_up_time, before.sys_up_time + 1000);
  EXPECT_EQ(caught_up.base, ms_of(kSampleBoot));
}

TEST_F(Netflow9Time, NeverDecreasesWhenTheClockStepsByYears) {
  std::uint32_t previous = read_recent(kSampleNow).sys_up_time;
  for (const auto step : {10 * kYear, -5 * kYear, 1 * kYear, -9 * kYear, 20 * kYear, hours(0)}) {
    const TimesRead reading = read_recent(kSampleNow + step);
    EXPECT_GE(reading.sys_up_time, previous) << step.count();
    previous = reading.sys_up_time;
  }
}

// A router without a clock of its own starts in 1970 or in the year of its firmware.
TEST_F(Netflow9Time, StartsAtZeroWhenTheClockIsBeforeTheBootTime) {
  const TimesRead reading = read(kSampleBoot - hours(1), kSampleBoot - hours(2), kSampleBoot);
  EXPECT_EQ(reading.sys_up_time, 0U);
  EXPECT_EQ(reading.raw_first, 0U);
  EXPECT_EQ(reading.raw_last, 0U);
  EXPECT_EQ(read_recent(kSampleNow).base, ms_of(kSampleBoot));
}

TEST_F(Netflow9Time, FollowsTheSameRulesInMessagesWithoutFlows) {
  const TimesRead before = read_recent(kSampleNow);
  const ParsedMessage options =
      parser_.parse(encode_sampling_options(*encoder_, kSampleNow - hours(2)));
  EXPECT_EQ(options.sys_up_time, before.sys_up_time);
  encoder_->restart_templates();
  const ParsedMessage templates =
      parser_.parse(encode_templates(*encoder_, kDefaultSize, kSampleNow + seconds(9)).at(0));
  EXPECT_EQ(templates.base_ms(), ms_of(kSampleBoot));
}

}  // namespace
}  // namespace ctflow::test
