// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/address/socket_options.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

namespace ctflow {
namespace {

using boost::asio::ip::udp;

class SocketOptionsTest : public testing::Test {
 protected:
  /// -1: none.
  static int option(udp::socket& socket, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(socket.native_handle(), level, name, &value, &length);
    return value;
  }

  boost::asio::io_context io_;
  boost::system::error_code error_;
};

TEST_F(SocketOptionsTest, LetIpv4RoutersDivideDatagrams) {
  udp::socket socket(io_, udp::v4());
  forgo_path_mtu_discovery(socket, false, error_);
  EXPECT_FALSE(error_) << error_.message();
  EXPECT_EQ(option(socket, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
}

TEST_F(SocketOptionsTest, LetIpv4RoutersDivideWhatAnIpv6SocketSends) {
  udp::socket socket(io_, udp::v6());
  forgo_path_mtu_discovery(socket, true, error_);
  EXPECT_FALSE(error_) << error_.message();
  EXPECT_EQ(option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DONT);
  EXPECT_EQ(option(socket, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
}

TEST_F(SocketOptionsTest, MarkWhatAnIpv6SocketSendsByIpv4) {
  constexpr int kClass = 46 << 2;
  CollectorConfig config;
  config.dscp = 46;
  udp::socket six(io_, udp::v6());
  apply_settings(six, true, config, error_);
  EXPECT_FALSE(error_) << error_.message();
  EXPECT_EQ(option(six, IPPROTO_IPV6, IPV6_TCLASS), kClass);
  EXPECT_EQ(option(six, IPPROTO_IP, IP_TOS), kClass);
  udp::socket four(io_, udp::v4());
  apply_settings(four, false, config, error_);
  EXPECT_FALSE(error_) << error_.message();
  EXPECT_EQ(option(four, IPPROTO_IP, IP_TOS), kClass);
}

}  // namespace
}  // namespace ctflow
