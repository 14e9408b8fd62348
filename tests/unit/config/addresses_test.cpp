// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "config/formats.hpp"

namespace ctflow::config {
namespace {

using namespace std::string_view_literals;

TEST(NumericAddress, TakesBothFamilies) {
  const auto format = numeric_address();
  for (const char* text : {"192.0.2.1", "::", "2001:db8::1", "::ffff:192.0.2.1",
                           "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"}) {
    EXPECT_EQ(format.parse(text).value, text);
    if (address_family(text) == 6) {
      EXPECT_EQ(format.parse("[" + std::string(text) + "]").value, text);
    }
  }
}

TEST(NumericAddress, RefusesEverythingElse) {
  const auto format = numeric_address();
  for (const std::string_view text :
       {""sv, "[]"sv, "[192.0.2.1]"sv, "[::1"sv, "::1]"sv, "[[::1]]"sv, "192.0.2"sv,
        "192.0.2.256"sv, "192.0.2.01"sv, " 192.0.2.1"sv, "192.0.2.1 "sv, "192.0.2.1\0"sv,
        "1::2::3"sv, "12345::"sv, "fe80::1%lo"sv, "example.net"sv, "3221225985"sv}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
}

TEST(NumericAddress, SaysWhatDoesNotBelongThere) {
  const auto format = numeric_address();
  EXPECT_EQ(format.parse("fe80::1%eth0").hint,
            "leave out what follows the %: the interface is set by bind_device");
  EXPECT_EQ(format.parse("192.0.2.1:4739").hint, "the port has a setting of its own");
  EXPECT_EQ(format.parse("[::1]:4739").hint, "the port has a setting of its own");
  EXPECT_EQ(format.parse("1::2::3").hint, "");
}

TEST(Host, TakesNames) {
  const auto format = host();
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  for (const std::string& text :
       {std::string("localhost"), std::string("a.example.net"), std::string("a.example.net."),
        std::string("flow_1.site-2"), std::string("1and1.example"), std::string("xn--mller-kva.de"),
        longest, longest + "."}) {
    EXPECT_EQ(format.parse(text).value, text);
  }
  EXPECT_EQ(format.parse(longest + "b").value, std::nullopt);
  EXPECT_EQ(format.parse(label + "a.net").value, std::nullopt);
}

TEST(Host, TakesAddressesWithoutTheirBrackets) {
  EXPECT_EQ(host().parse("192.0.2.1").value, "192.0.2.1");
  EXPECT_EQ(host().parse("[2001:db8::1]").value, "2001:db8::1");
}

TEST(Host, RefusesWhatIsNeither) {
  for (const std::string_view text :
       {""sv, "."sv, ".."sv, "a..b"sv, ".a"sv, "-a.b"sv, "a-.b"sv, "a b"sv, "a/b"sv, "köln.de"sv,
        "a\0b"sv, "192.0.2"sv, "192.0.2.256"sv, "4739"sv, "0x7f000001"sv, "127.0x1"sv,
        "udp://a"sv}) {
    EXPECT_EQ(host().parse(text).value, std::nullopt) << text;
  }
}

TEST(AddressFamily, IsZeroForNames) {
  EXPECT_EQ(address_family("192.0.2.1"), 4);
  EXPECT_EQ(address_family("::1"), 6);
  EXPECT_EQ(address_family("example.net"), 0);
  EXPECT_EQ(address_family(""), 0);
}

}  // namespace
}  // namespace ctflow::config
