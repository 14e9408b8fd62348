// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/network_text.hpp"

#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

std::string again(std::string_view text) {
  const auto [network, fault] = parse_network(text);
  return network ? network_text(*network) : "no: " + fault;
}

TEST(ParseNetwork, TakesAddressesAndNetworks) {
  EXPECT_EQ(again("192.0.2.7"), "192.0.2.7/32");
  EXPECT_EQ(again("2001:DB8:0::7"), "2001:db8::7/128");
  EXPECT_EQ(again("192.0.2.128/25"), "192.0.2.128/25");
  EXPECT_EQ(again("2001:db8::/33"), "2001:db8::/33");
  EXPECT_EQ(again("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(again("::/0"), "::/0");
}

TEST(ParseNetwork, SaysWhatIsWrongBehindAnAddress) {
  for (const char* const text : {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/24/8",
                                 "192.0.2.0/x", "192.0.2.0/08"}) {
    EXPECT_EQ(again(text), "no: the length of this prefix is a number from 0 to 32") << text;
  }
  EXPECT_EQ(again("2001:db8::/129"), "no: the length of this prefix is a number from 0 to 128");
  EXPECT_EQ(again("10.1.2.3/8"), "no: bits behind the prefix are set: write 10.0.0.0/8");
  EXPECT_EQ(again("::1/0"), "no: bits behind the prefix are set: write ::/0");
}

TEST(ParseNetwork, TakesNothingElse) {
  for (const char* const text : {"", "/", "/24", "192.0.2/24", "host", "[::1]", "::1%lan"}) {
    EXPECT_EQ(again(text), "no: ") << text;
  }
}

}  // namespace
}  // namespace ctflow::text
