// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/public_status_check.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::make_address;

/// The names of the findings; empty: none.
std::string check(const std::string& listen, const std::vector<std::string>& own = {}) {
  std::vector<address> addresses;
  for (const std::string& one : own) addresses.push_back(make_address(one));
  StatusConfig status;
  status.listen = listen;
  std::string names;
  for (const Finding& one : check_public_status(status, addresses).wrong) names += one.name;
  return names;
}

TEST(IsPublic, IsWhatTheInternetMayReach) {
  for (const char* const one : {"8.8.8.8", "198.51.100.1", "100.128.0.1", "172.32.0.1", "11.0.0.1",
                                "2001:db8::1", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(is_public(make_address(one))) << one;
  }
  for (const char* const one : {"127.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
                                "192.168.1.1", "100.64.0.1", "100.127.255.255", "169.254.1.1",
                                "0.0.0.0", "::", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(is_public(make_address(one))) << one;
  }
}

TEST(PublicStatusCheck, FindsAPublicAddress) {
  EXPECT_EQ(check("198.51.100.1:9995"), "status_listen_public");
  EXPECT_EQ(check("[2001:db8::1]:9995"), "status_listen_public");
  EXPECT_EQ(check("127.0.0.1:9995", {"198.51.100.1"}), "");
  EXPECT_EQ(check("192.168.1.1:9995"), "");
  EXPECT_EQ(check(""), "");
}

TEST(PublicStatusCheck, TakesTheUnspecifiedAddressForAllOfThisHost) {
  EXPECT_EQ(check("0.0.0.0:9995", {"127.0.0.1", "10.0.0.1"}), "");
  EXPECT_EQ(check("0.0.0.0:9995", {"10.0.0.1", "198.51.100.1"}), "status_listen_public");
  EXPECT_EQ(check("0.0.0.0:9995", {"2001:db8::1"}), "") << "not over IPv4";
  EXPECT_EQ(check("[::]:9995", {"198.51.100.1"}), "status_listen_public");
}

TEST(AddressesOfThisHost, HaveThatOfLoopbackWhereItIsUp) {
  for (const address& one : addresses_of_this_host()) EXPECT_FALSE(one.is_unspecified());
}

}  // namespace
}  // namespace ctflow
