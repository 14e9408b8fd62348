// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/timeouts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <filesystem>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;

TEST(TimeoutsText, SaysWhatItWasMadeOf) {
  Timeouts timeouts;
  timeouts.tcp[3] = seconds(4'294'967'295);
  timeouts.generic = seconds(0);
  Timeouts read;
  read_timeouts_text(text_of(timeouts), read);
  EXPECT_EQ(read, timeouts);
}

TEST(TimeoutsText, MayHaveAnythingElse) {
  Timeouts read;
  read_timeouts_text(
      "nf_conntrack_udp_timeout 7\nnf_conntrack_udp_timeout\n\n later 8\n"
      "nf_conntrack_icmp_timeout -1\nnf_conntrack_gre_timeout 4294967296\n"
      "nf_conntrack_generic_timeout 9",
      read);
  Timeouts expected;
  expected.udp = seconds(7);
  expected.generic = seconds(9);
  EXPECT_EQ(read, expected);
}

class TimeoutsTest : public testing::Test {
 protected:
  void set(const std::string& name, const std::string& value) const {
    settings_.set("nf_conntrack_" + name, value);
  }
  /// All that can be read is good.
  [[nodiscard]] Timeouts timeouts() const {
    const TimeoutsRead read = read_timeouts({}, directory_);
    EXPECT_FALSE(read.failure) << read.failure->file;
    return read.values;
  }

  test::SettingsDirectory settings_;
  std::string directory_ = settings_.path();
};

TEST_F(TimeoutsTest, StayWhatTheyWereWhereNothingCanBeRead) {
  Timeouts before;
  before.udp = seconds(75);
  for (const std::string& directory : {directory_, std::string("/nonexistent")}) {
    const TimeoutsRead read = read_timeouts(before, directory);
    EXPECT_EQ(read.values, before);
    ASSERT_TRUE(read.failure);
    EXPECT_NE(read.failure->file.find(directory), std::string::npos);
    EXPECT_EQ(read.failure->error, std::errc::no_such_file_or_directory);
  }
}

TEST_F(TimeoutsTest, OfAProtocolThatTheKernelLacksAreNoFailure) {
  set("udp_timeout", "75\n");
  EXPECT_EQ(timeouts().udp, seconds(75));
}

TEST_F(TimeoutsTest, NameTheFirstSettingThatCannotBeRead) {
  set("udp_timeout", "75\n");
  std::filesystem::create_directory(directory_ + "/nf_conntrack_icmp_timeout");
  std::filesystem::create_directory(directory_ + "/nf_conntrack_generic_timeout");
  const TimeoutsRead read = read_timeouts({}, directory_);
  EXPECT_EQ(read.values.udp, seconds(75)) << "the others are read";
  EXPECT_EQ(read.values.icmp, seconds(30));
  ASSERT_TRUE(read.failure);
  EXPECT_EQ(read.failure->file, directory_ + "/nf_conntrack_icmp_timeout");
  EXPECT_EQ(read.failure->error, std::errc::is_a_directory);
}

TEST_F(TimeoutsTest, SurviveALackOfDescriptors) {
  set("udp_timeout", "75\n");
  Timeouts before;
  before.udp = seconds(60);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{0, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const TimeoutsRead read = read_timeouts(before, directory_);
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(read.values.udp, seconds(60));
  ASSERT_TRUE(read.failure);
  EXPECT_EQ(read.failure->error, std::errc::too_many_files_open);
}

TEST_F(TimeoutsTest, ReadEachSetting) {
  set("tcp_timeout_established", "100\n");
  set("tcp_timeout_syn_sent", "1\n");
  set("udp_timeout", "2\n");
  set("udp_timeout_stream", "3\n");
  set("sctp_timeout_established", "4\n");
  set("dccp_timeout_open", "5\n");
  set("gre_timeout_stream", "6\n");
  set("generic_timeout", "7\n");
  const Timeouts timeouts = this->timeouts();
  EXPECT_EQ(timeouts.tcp[3], seconds(100));
  EXPECT_EQ(timeouts.tcp[1], seconds(1));
  EXPECT_EQ(timeouts.tcp[9], seconds(120)) << "SYN_SENT2 has no setting";
  EXPECT_EQ(timeouts.udp, seconds(2));
  EXPECT_EQ(timeouts.udp_stream, seconds(3));
  EXPECT_EQ(timeouts.sctp[4], seconds(4));
  EXPECT_EQ(timeouts.dccp[4], seconds(5));
  EXPECT_EQ(timeouts.gre_stream, seconds(6));
  EXPECT_EQ(timeouts.generic, seconds(7));
  EXPECT_EQ(timeouts.icmp, seconds(30)) << "not reported, default";
}

TEST_F(TimeoutsTest, ReadEveryNameOfTheKernel) {
  // The *timeout* files of net.netfilter in Linux 6.1, in any order; without nf_conntrack_frag6_*.
  const struct {
    const char* name;
    std::chrono::seconds Timeouts::*member;
  } single[] = {
      {"tcp_timeout_max_retrans", &Timeouts::tcp_max_retrans},
      {"tcp_timeout_unacknowledged", &Timeouts::tcp_unacknowledged},
      {"udp_timeout", &Timeouts::udp},
      {"udp_timeout_stream", &Timeouts::udp_stream},
      {"icmp_timeout", &Timeouts::icmp},
      {"icmpv6_timeout", &Timeouts::icmpv6},
      {"gre_timeout", &Timeouts::gre},
      {"gre_timeout_stream", &Timeouts::gre_stream},
      {"generic_timeout", &Timeouts::generic},
  };
  Timeouts expected;
  seconds next(1001);
  for (const auto& setting : single) {
    set(setting.name, std::to_string(next.count()) + "\n");
    expected.*setting.member = next++;
  }
  const auto set_states = [&](const std::string& prefix, auto& timeouts,
                              std::initializer_list<const char*> names) {
    std::size_t state = 1;  // 0 is NONE
    for (const char* name : names) {
      set(prefix + name, std::to_string(next.count()) + "\n");
      timeouts[state++] = next++;
    }
  };
  set_states("tcp_timeout_", expected.tcp,
             {"syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack",
              "time_wait", "close"});
  set_states("sctp_timeout_", expected.sctp,
             {"closed", "cookie_wait", "cookie_echoed", "established", "shutdown_sent",
              "shutdown_recd", "shutdown_ack_sent", "heartbeat_sent"});
  set_states("dccp_timeout_", expected.dccp,
             {"request", "respond", "partopen", "open", "closereq", "closing", "timewait"});
  EXPECT_EQ(timeouts(), expected);
}

TEST_F(TimeoutsTest, TakeTheLargestValueOfTheKernel) {
  set("udp_timeout", "2147483647\n");
  EXPECT_EQ(timeouts().udp, seconds(2'147'483'647));
  set("udp_timeout", "0\n");
  EXPECT_EQ(timeouts().udp, seconds(0));
  set("udp_timeout", "31");
  EXPECT_EQ(timeouts().udp, seconds(31)) << "without a line end";
}

TEST_F(TimeoutsTest, StayWhereTheValueIsNoNumber) {
  for (const char* garbage : {"", "\n", "abc\n", "12abc\n", "-5\n", "99999999999999999999\n"}) {
    set("udp_timeout", garbage);
    const TimeoutsRead read = read_timeouts({}, directory_);
    EXPECT_EQ(read.values.udp, seconds(30)) << garbage;
    ASSERT_TRUE(read.failure) << garbage;
    EXPECT_EQ(read.failure->error, std::errc::invalid_argument);
  }
}

Flow flow_of(std::uint8_t protocol, std::uint32_t status = 0, int state = -1) {
  Flow flow;
  flow.original.protocol = protocol;
  flow.status = status;
  flow.present.state = state >= 0;
  flow.state = static_cast<std::uint8_t>(state >= 0 ? state : 0);
  return flow;
}

std::vector<seconds> possible(const Flow& flow, const Timeouts& timeouts = {}) {
  const PossibleTimeouts all = possible_timeouts(flow, timeouts);
  const seconds only = only_timeout(flow, timeouts);
  EXPECT_EQ(only, all.all().size() == 1 ? all.all().front() : kNotOneTimeout);
  return {all.all().begin(), all.all().end()};
}

auto are(std::initializer_list<int> timeouts) {
  std::vector<seconds> expected;
  for (const int one : timeouts) expected.emplace_back(one);
  return testing::ElementsAreArray(expected);
}

constexpr std::uint32_t kStream = status::kSeenReply | status::kAssured;

TEST(PossibleTimeouts, FollowProtocolAndState) {
  EXPECT_THAT(possible(flow_of(6, 0, 7)), are({120}));
  EXPECT_THAT(possible(flow_of(6, 0, 8)), are({10}));
  EXPECT_THAT(possible(flow_of(17)), are({30}));
  EXPECT_THAT(possible(flow_of(17, status::kSeenReply)), are({30}));
  EXPECT_THAT(possible(flow_of(17, status::kAssured)), are({120}));
  EXPECT_THAT(possible(flow_of(136, status::kAssured)), are({120}));
  EXPECT_THAT(possible(flow_of(1)), are({30}));
  EXPECT_THAT(possible(flow_of(58)), are({30}));
  EXPECT_THAT(possible(flow_of(47)), are({30}));
  EXPECT_THAT(possible(flow_of(47, status::kAssured)), are({180}));
  EXPECT_THAT(possible(flow_of(132, 0, 4)), are({210}));
  EXPECT_THAT(possible(flow_of(33, 0, 4)), are({43'200}));
  EXPECT_THAT(possible(flow_of(89)), are({600}));
}

TEST(PossibleTimeouts, OfTcpDependOnItsLastSegment) {
  EXPECT_THAT(possible(flow_of(6, kStream, 3)), are({432'000, 300, 10}))
      << "acknowledged or not, or a RST at an inexact sequence number";
  EXPECT_THAT(possible(flow_of(6, status::kSeenReply, 3)), are({432'000, 300}))
      << "a RST closes what is not ASSURED";
  Timeouts timeouts;
  timeouts.tcp_unacknowledged = seconds(200);
  timeouts.tcp_max_retrans = seconds(100);
  EXPECT_THAT(possible(flow_of(6, kStream, 3), timeouts), are({432'000, 200, 100, 10}));
  EXPECT_THAT(possible(flow_of(6, kStream, 4), timeouts), are({120, 100}));
  EXPECT_THAT(possible(flow_of(6, kStream, 5), timeouts), are({60})) << "never a longer one";
}

TEST(PossibleTimeouts, AreShortForTcpPickedUpOnOneSide) {
  EXPECT_THAT(possible(flow_of(6, 0, 3)), are({300}));
  Timeouts timeouts;
  timeouts.tcp[3] = seconds(100);
  EXPECT_THAT(possible(flow_of(6, 0, 3), timeouts), are({100}));
}

TEST(PossibleTimeouts, FollowEveryState) {
  const auto expect = [&](std::uint8_t protocol, std::initializer_list<int> by_state) {
    int state = 0;
    for (const int timeout : by_state) {
      const std::vector<seconds> all = possible(flow_of(protocol, status::kSeenReply, state));
      ASSERT_FALSE(all.empty()) << int{protocol} << " in state " << state;
      EXPECT_EQ(all[0], seconds(timeout)) << int{protocol} << " in state " << state;
      ++state;
    }
    EXPECT_THAT(possible(flow_of(protocol, status::kSeenReply, state)), are({}));
  };
  // tcp_timeouts[], sctp_timeouts[], dccp_init_net() of Linux 6.1.
  expect(6, {0, 120, 60, 432'000, 120, 60, 30, 120, 10, 120});
  expect(132, {0, 10, 3, 3, 210, 3, 3, 3, 30});
  expect(33, {0, 240, 480, 480, 43'200, 64, 64, 240});
}

TEST(PossibleTimeouts, AreGenericWhereTheKernelHasNoTracker) {
  for (const auto protocol : std::to_array<std::uint8_t>({33, 47, 132, 136})) {
    Flow flow = flow_of(protocol, status::kSeenReply);
    flow.present.no_ports = true;
    EXPECT_THAT(possible(flow), are({600})) << int{protocol};
    EXPECT_FALSE(keeps_first_timeouts(flow));
  }
  Flow echo = flow_of(1);
  echo.present.no_ports = true;
  EXPECT_THAT(possible(echo), are({30}));
}

TEST(PossibleTimeouts, AreNoneWherePacketsDoNotSetThem) {
  EXPECT_THAT(possible(flow_of(6)), are({})) << "kernels before 5.11 do not say the state";
  EXPECT_THAT(possible(flow_of(17, 1U << 10)), are({})) << "IPS_FIXED_TIMEOUT";
  EXPECT_THAT(possible(flow_of(17, 1U << 14)), are({})) << "IPS_OFFLOAD";
  EXPECT_THAT(possible(flow_of(6, kStream | 1U << 15, 3)), are({})) << "IPS_HW_OFFLOAD";
  EXPECT_THAT(possible(flow_of(17, 1U << 12)), are({30, 120})) << "IPS_NAT_CLASH";
}

TEST(PossibleTimeouts, OfGreAreThoseOfItsBeginning) {
  EXPECT_TRUE(keeps_first_timeouts(flow_of(47)));
  EXPECT_FALSE(keeps_first_timeouts(flow_of(17)));
}

}  // namespace
}  // namespace ctflow
