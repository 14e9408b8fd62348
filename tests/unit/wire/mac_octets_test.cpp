// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/mac_octets.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace ctflow::wire {
namespace {

TEST(MacOctets, HaveTheHighestOfTheNumberFirst) {
  const std::array<std::uint8_t, kMacOctets> octets{0x02, 0x00, 0x5e, 0x00, 0x53, 0xf1};
  EXPECT_EQ(mac_octets(0x02005e0053f1), octets);
  EXPECT_EQ(mac_number(octets), 0x02005e0053f1U);
}

TEST(MacOctets, OfCharactersHaveNoSign) {
  EXPECT_EQ(mac_number(std::string_view("\xff\xfe\x80\x01\x02\x03", kMacOctets)), 0xfffe80010203U);
}

}  // namespace
}  // namespace ctflow::wire
