// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/byte_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace ctflow::wire {
namespace {

constexpr std::array<std::byte, 9> kOctets{std::byte{1}, std::byte{2}, std::byte{3},
                                           std::byte{4}, std::byte{5}, std::byte{6},
                                           std::byte{7}, std::byte{8}, std::byte{9}};

TEST(ByteOrder, ReversesEveryLength) {
  static_assert(reversed(std::uint8_t{0x12}) == 0x12);
  static_assert(reversed(std::uint16_t{0x1234}) == 0x3412);
  static_assert(reversed(std::uint32_t{0x12345678}) == 0x78563412);
  static_assert(reversed(std::uint64_t{0x0102030405060708}) == 0x0807060504030201);
  EXPECT_EQ(network_order(network_order(std::uint32_t{0x12345678})), 0x12345678U);
}

TEST(ByteOrder, LoadsTheMostSignificantOctetFirst) {
  EXPECT_EQ(load<std::uint8_t>(kOctets), 1U);
  EXPECT_EQ(load<std::uint16_t>(kOctets), 0x0102U);
  EXPECT_EQ(load<std::uint32_t>(kOctets, 1), 0x02030405U);
  EXPECT_EQ(load<std::uint64_t>(kOctets, 1), 0x0203040506070809U);
}

TEST(ByteOrder, StoresAsItLoads) {
  std::array<std::byte, 8> to{};
  store(to.data(), std::uint64_t{0x0102030405060708});
  EXPECT_TRUE(std::equal(to.begin(), to.end(), kOctets.begin()));
  store(to.data() + 1, std::uint16_t{0x0a0b});
  EXPECT_EQ(load<std::uint32_t>(to), 0x010a0b04U);
}

}  // namespace
}  // namespace ctflow::wire
