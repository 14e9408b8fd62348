// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/measured_extras.hpp"

#include <gtest/gtest.h>

#include "support/fake_programs.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;

TEST(MeasuredExtras, CountsBackFromTheWallClockAsItIsNow) {
  const Instant now = test::instant(10 * test::kSecond, seconds(-3600));
  EXPECT_EQ(wall_time(test::kUptime + 4 * test::kSecond, now), now.wall - seconds(6));
  EXPECT_EQ(wall_time(test::kUptime + 11 * test::kSecond, now), now.wall + seconds(1));
}

TEST(MeasuredExtras, HasAllThatWasMeasured) {
  ctflow_measured measured{};
  measured.direction[0] = test::seen(7, test::kSecond, 3 * test::kSecond);
  measured.direction[0].tcp_flags = 0x01b;
  const Instant now = test::instant(5 * test::kSecond);
  KernelExtras extras;
  set_extras(measured, IPPROTO_TCP, now, extras);
  ASSERT_TRUE(extras.present && extras.by_present_clock);
  const DirectionExtras& seen = extras.original;
  EXPECT_TRUE(seen.has_times && seen.has_wire && seen.has_interfaces);
  EXPECT_EQ(seen.first, now.wall - seconds(4));
  EXPECT_EQ(seen.last, now.wall - seconds(2));
  EXPECT_EQ(seen.wire, (Counters{7, 700}));
  EXPECT_EQ(seen.interfaces, (Interfaces{2, 3}));
  EXPECT_EQ(seen.tcp_control_bits, 0x01b);
  EXPECT_EQ(seen.class_of_service, 0xb8);
  EXPECT_EQ(seen.ttl_min, 33);
  EXPECT_EQ(seen.ttl_max, 37);
  EXPECT_EQ(seen.length_min, 40);
  EXPECT_EQ(seen.length_max, 65535) << "that or more";
  EXPECT_EQ(extras.reply, DirectionExtras{}) << "nothing was seen";
}

TEST(MeasuredExtras, HasNoFlagsOfOtherProtocolsAndNoTimesOfErrorsAlone) {
  ctflow_measured measured{};
  measured.direction[0] = test::seen(2, 0, 0);
  measured.direction[0].tcp_flags = 2;
  measured.direction[1].packets = measured.direction[1].icmp_errors = 1;
  measured.direction[1].octets = 56;
  KernelExtras extras;
  set_extras(measured, IPPROTO_UDP, test::instant(0), extras);
  EXPECT_EQ(extras.original.tcp_control_bits, 0);
  EXPECT_FALSE(extras.reply.has_times);
  EXPECT_EQ(extras.reply.wire, (Counters{1, 56}));
}

TEST(MeasuredExtras, DoesNotInventInterfacesOfAFlowtable) {
  ctflow_measured measured{};
  measured.direction[0] = test::seen(2, 0, 0);
  measured.direction[0].has_iif = 0;
  KernelExtras extras;
  set_extras(measured, IPPROTO_UDP, test::instant(0), extras);
  EXPECT_FALSE(extras.original.has_interfaces);
}

}  // namespace
}  // namespace ctflow
