// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/timeouts.hpp"

#include <gtest/gtest.h>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;

class TimeoutsTest : public testing::Test {
 protected:
  void set(const std::string& name, const std::string& value) const {
    settings_.set("nf_conntrack_" + name, value);
  }

  test::SettingsDirectory settings_;
  std::string directory_ = settings_.path();
};

TEST_F(TimeoutsTest, AreTheKernelsDefaultsWhereNothingIsTold) {
  EXPECT_EQ(read_timeouts(directory_), Timeouts{});
  EXPECT_EQ(read_timeouts("/nonexistent"), Timeouts{});
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
  const Timeouts timeouts = read_timeouts(directory_);
  EXPECT_EQ(timeouts.tcp[3], seconds(100));
  EXPECT_EQ(timeouts.tcp[1], seconds(1));
  EXPECT_EQ(timeouts.tcp[9], seconds(120)) << "SYN_SENT2 has no setting";
  EXPECT_EQ(timeouts.udp, seconds(2));
  EXPECT_EQ(timeouts.udp_stream, seconds(3));
  EXPECT_EQ(timeouts.sctp[4], seconds(4));
  EXPECT_EQ(timeouts.dccp[4], seconds(5));
  EXPECT_EQ(timeouts.gre_stream, seconds(6));
  EXPECT_EQ(timeouts.generic, seconds(7));
  EXPECT_EQ(timeouts.icmp, seconds(30)) << "not told, default";
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
  EXPECT_EQ(read_timeouts(directory_), expected);
}

TEST_F(TimeoutsTest, TakeTheLargestValueOfTheKernel) {
  set("udp_timeout", "2147483647\n");
  EXPECT_EQ(read_timeouts(directory_).udp, seconds(2'147'483'647));
  set("udp_timeout", "0\n");
  EXPECT_EQ(read_timeouts(directory_).udp, seconds(0));
  set("udp_timeout", "31");
  EXPECT_EQ(read_timeouts(directory_).udp, seconds(31)) << "without a line end";
}

TEST_F(TimeoutsTest, KeepTheDefaultWhereTheValueIsNoNumber) {
  for (const char* garbage : {"", "\n", "abc\n", "12abc\n", "-5\n", "99999999999999999999\n"}) {
    set("udp_timeout", garbage);
    EXPECT_EQ(read_timeouts(directory_).udp, seconds(30)) << garbage;
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

TEST(TimeoutOf, FollowsProtocolAndState) {
  const Timeouts timeouts;
  EXPECT_EQ(timeout_of(flow_of(6, status::kSeenReply, 3), timeouts), seconds(432'000));
  EXPECT_EQ(timeout_of(flow_of(6, 0, 7), timeouts), seconds(120));
  EXPECT_EQ(timeout_of(flow_of(6, 0, 8), timeouts), seconds(10));
  EXPECT_EQ(timeout_of(flow_of(17), timeouts), seconds(30));
  EXPECT_EQ(timeout_of(flow_of(17, status::kSeenReply), timeouts), seconds(30));
  EXPECT_EQ(timeout_of(flow_of(17, status::kAssured), timeouts), seconds(120));
  EXPECT_EQ(timeout_of(flow_of(136, status::kAssured), timeouts), seconds(120));
  EXPECT_EQ(timeout_of(flow_of(1), timeouts), seconds(30));
  EXPECT_EQ(timeout_of(flow_of(58), timeouts), seconds(30));
  EXPECT_EQ(timeout_of(flow_of(47), timeouts), seconds(30));
  EXPECT_EQ(timeout_of(flow_of(47, status::kAssured), timeouts), seconds(180));
  EXPECT_EQ(timeout_of(flow_of(132, 0, 4), timeouts), seconds(210));
  EXPECT_EQ(timeout_of(flow_of(33, 0, 4), timeouts), seconds(43'200));
  EXPECT_EQ(timeout_of(flow_of(89), timeouts), seconds(600));
}

TEST(TimeoutOf, IsShortForTcpPickedUpOnOneSide) {
  Timeouts timeouts;
  EXPECT_EQ(timeout_of(flow_of(6, 0, 3), timeouts), seconds(300));
  EXPECT_EQ(timeout_of(flow_of(6, 0, 4), timeouts), seconds(120)) << "ESTABLISHED only";
  timeouts.tcp[3] = seconds(100);
  EXPECT_EQ(timeout_of(flow_of(6, 0, 3), timeouts), seconds(100)) << "never a longer one";
}

TEST(TimeoutOf, FollowsEveryState) {
  const Timeouts timeouts;
  const auto expect = [&](std::uint8_t protocol, std::initializer_list<int> by_state) {
    int state = 0;
    for (const int timeout : by_state) {
      EXPECT_EQ(timeout_of(flow_of(protocol, status::kSeenReply, state), timeouts),
                seconds(timeout))
          << int{protocol} << " in state " << state;
      ++state;
    }
  };
  // tcp_timeouts[], sctp_timeouts[], dccp_init_net() of Linux 6.1.
  expect(6, {0, 120, 60, 432'000, 120, 60, 30, 120, 10, 120, 0});
  expect(132, {0, 10, 3, 3, 210, 3, 3, 3, 30, 0});
  expect(33, {0, 240, 480, 480, 43'200, 64, 64, 240, 0});
}

TEST(TimeoutOf, IsZeroWhereTheStateIsUnknown) {
  const Timeouts timeouts;
  EXPECT_EQ(timeout_of(flow_of(6), timeouts), seconds(0)) << "kernels before 5.11 do not tell it";
  EXPECT_EQ(timeout_of(flow_of(6, 0, 200), timeouts), seconds(0));
  EXPECT_EQ(timeout_of(flow_of(132, 0, 9), timeouts), seconds(0));
}

}  // namespace
}  // namespace ctflow
