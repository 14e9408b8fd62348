// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/filter_settings.hpp"

#include <gtest/gtest.h>

namespace ctflow::config {
namespace {

using namespace std::string_view_literals;

TEST(IpProtocol, IsANumberOrAName) {
  EXPECT_EQ(ip_protocol().parse("tcp").value, 6U);
  EXPECT_EQ(ip_protocol().parse("icmpv6").value, 58U);
  EXPECT_EQ(ip_protocol().parse("0").value, 0U);
  EXPECT_EQ(ip_protocol().parse("255").value, 255U);
  for (const std::string_view text : {""sv, "256"sv, "TCP"sv, "tcp "sv, "-1"sv}) {
    EXPECT_FALSE(ip_protocol().parse(text).value) << text;
  }
}

TEST(NetworkFormat, IsAnAddressWithOrWithoutALength) {
  const Network host = network().parse("192.0.2.1").value.value();
  EXPECT_EQ(host.family, AddressFamily::kIpv4);
  EXPECT_EQ(host.length, 32);
  const Network net = network().parse("10.128.0.0/9").value.value();
  EXPECT_EQ(net.length, 9);
  EXPECT_EQ(net.address.octets[1], 128);
  const Network all = network().parse("::/0").value.value();
  EXPECT_EQ(all.family, AddressFamily::kIpv6);
  EXPECT_EQ(all.length, 0);
  EXPECT_EQ(network().parse("2001:db8::1").value.value().length, 128);
}

TEST(NetworkFormat, RefusesBitsBehindThePrefixAndSaysWhatIsMeant) {
  EXPECT_EQ(network().parse("10.1.0.0/8").hint, "bits behind the prefix are set: write 10.0.0.0/8");
  EXPECT_EQ(network().parse("2001:db8:ff::/33").hint,
            "bits behind the prefix are set: write 2001:db8::/33");
  EXPECT_FALSE(network().parse("10.1.0.0/8").value);
}

TEST(NetworkFormat, RefusesWhatIsNone) {
  for (const std::string_view text :
       {""sv, "/8"sv, "10.0.0.0/"sv, "10.0.0.0/33"sv, "10.0.0/8"sv, "::/129"sv, "10.0.0.0/08"sv,
        "10.0.0.0/8/8"sv, "host"sv, "10.0.0.0/8\0"sv, "10.0.0.1\0"sv, "[::1]"sv}) {
    EXPECT_FALSE(network().parse(text).value) << text;
  }
}

TEST(MarkFormat, IsAMarkWithOrWithoutAMask) {
  EXPECT_EQ(mark_match().parse("7").value, (MarkMatch{7, 0xffff'ffff}));
  EXPECT_EQ(mark_match().parse("16/255").value, (MarkMatch{16, 255}));
  EXPECT_EQ(mark_match().parse("0/0").value, (MarkMatch{0, 0}));
  for (const std::string_view text :
       {""sv, "/1"sv, "1/"sv, "0x10"sv, "4294967296"sv, "256/255"sv, "1/2/3"sv}) {
    EXPECT_FALSE(mark_match().parse(text).value) << text;
  }
}

}  // namespace
}  // namespace ctflow::config
