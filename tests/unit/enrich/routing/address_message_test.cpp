// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "enrich/routing/routing_message.hpp"
#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::bytes_of;

InterfaceAddress decoded(const test::Octets& message) {
  InterfaceAddress address;
  EXPECT_EQ(decode_address(bytes_of(message), address), Decoded::kYes);
  return address;
}

TEST(DecodeAddress, ReadsBothFamilies) {
  const InterfaceAddress four = decoded(test::address_message("192.0.2.1", 7));
  EXPECT_EQ(four.family, AddressFamily::kIpv4);
  EXPECT_EQ(four.address, test::address_of("192.0.2.1"));
  EXPECT_EQ(four.interface, 7U);
  EXPECT_EQ(four.length, 24);
  const InterfaceAddress six = decoded(test::address_message("2001:db8::1", 8, {.length = 64}));
  EXPECT_EQ(six.family, AddressFamily::kIpv6);
  EXPECT_EQ(six.address, test::address_of("2001:db8::1"));
}

TEST(DecodeAddress, TakesNeverTheAddressOfTheOtherEnd) {
  for (const auto& [own, other] : {std::pair{"192.0.2.1", "192.0.2.2"}, {"fd00::1", "fd00::2"}}) {
    const InterfaceAddress address = decoded(test::address_message(own, 7, {.peer = other}));
    EXPECT_EQ(address.address, test::address_of(own));
    EXPECT_EQ(address.peer, test::address_of(other));
  }
}

TEST(DecodeAddress, RefusesWhatIsTooShortAndIgnoresOtherFamilies) {
  InterfaceAddress address;
  const auto decode = [&](const test::Octets& body) {
    return decode_address(bytes_of(test::netlink_message(RTM_NEWADDR, body)), address);
  };
  EXPECT_EQ(decode({AF_INET, 24, 0, 0, 7, 0, 0}), Decoded::kMalformed);
  EXPECT_EQ(decode({AF_INET, 24, 0, 0, 7, 0, 0, 0}), Decoded::kMalformed) << "no address";
  EXPECT_EQ(decode({AF_MPLS, 24, 0, 0, 7, 0, 0, 0}), Decoded::kIgnored);
  test::Octets body{AF_INET, 24, 0, 0, 7, 0, 0, 0};
  test::append(body, test::attribute(IFA_LOCAL, {192, 0, 2}));
  EXPECT_EQ(decode(body), Decoded::kMalformed);
}

}  // namespace
}  // namespace ctflow
