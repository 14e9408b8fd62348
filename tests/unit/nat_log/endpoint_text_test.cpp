// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/endpoint_text.hpp"

#include <gtest/gtest.h>

#include "text/endpoint_text.hpp"

namespace ctflow::nat {
namespace {

std::string again(const char* text) {
  const auto parsed = parse_endpoint(text);
  if (!parsed) return "no";
  return parsed->port ? text::endpoint_text(address_text(*parsed), *parsed->port)
                      : address_text(*parsed);
}

TEST(ParseEndpoint, TakesAddressesWithAndWithoutPorts) {
  EXPECT_EQ(again("203.0.113.7:40213"), "203.0.113.7:40213");
  EXPECT_EQ(again("203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(again("[2001:DB8:0::7]:443"), "[2001:db8::7]:443");
  EXPECT_EQ(again("[2001:db8::7]"), "2001:db8::7");
  EXPECT_EQ(again("2001:db8::7"), "2001:db8::7");
  EXPECT_EQ(again("203.0.113.7:0"), "203.0.113.7:0");
}

TEST(ParseEndpoint, TakesAMappedAddressAsTheIpv4AddressThatItIs) {
  EXPECT_EQ(again("[::ffff:203.0.113.7]:40213"), "203.0.113.7:40213");
  EXPECT_EQ(again("::FFFF:cb00:7107"), "203.0.113.7");
  EXPECT_EQ(again("::fffe:203.0.113.7"), "::fffe:cb00:7107");
  EXPECT_EQ(parse_endpoint("::ffff:203.0.113.7")->address, parse_endpoint("203.0.113.7")->address);
}

TEST(ParseEndpoint, TakesNothingElse) {
  for (const char* const text :
       {"", ":", "203.0.113.7:", "203.0.113.7:65536", "203.0.113.7:+1", "203.0.113:80",
        "[203.0.113.7]:80", "[2001:db8::7", "[2001:db8::7]80", "[2001:db8::7]:", "host:80",
        "203.0.113.7:80:90", "203.0.113.7: 80"}) {
    EXPECT_EQ(again(text), "no") << text;
  }
}

}  // namespace
}  // namespace ctflow::nat
