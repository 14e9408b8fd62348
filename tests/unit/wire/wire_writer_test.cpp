// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wire_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace ctflow {
namespace {

using testing::ElementsAre;

std::vector<int> octets(const WireWriter& writer) {
  std::vector<int> all;
  for (const std::byte octet : writer.written()) all.push_back(std::to_integer<int>(octet));
  return all;
}

TEST(WireWriter, WritesNetworkOrder) {
  std::array<std::byte, 16> buffer{};
  WireWriter writer(buffer);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.zeros(2);
  EXPECT_THAT(octets(writer), ElementsAre(1, 2, 3, 4, 5, 6, 7, 0, 0));
}

TEST(WireWriter, WritesNothingFromTheFirstOverflowOn) {
  std::array<std::byte, 5> buffer{};
  WireWriter writer(buffer);
  writer.u32(1);
  writer.u16(2);
  EXPECT_TRUE(writer.overflowed());
  writer.u8(3);  // would fit, but would be out of place
  EXPECT_EQ(writer.size(), 4U);
  EXPECT_EQ(writer.claim(1), nullptr);
}

TEST(WireWriter, IsFilledToTheLastOctet) {
  std::array<std::byte, 4> buffer{};
  WireWriter writer(buffer);
  writer.u32(1);
  EXPECT_FALSE(writer.overflowed());
  writer.zeros(0);
  EXPECT_FALSE(writer.overflowed());
}

TEST(WireWriter, ForgetsWhatIsTruncated) {
  std::array<std::byte, 4> buffer{};
  WireWriter writer(buffer);
  writer.u16(0x0102);
  writer.u32(0);
  writer.truncate(2);
  EXPECT_FALSE(writer.overflowed());
  writer.u16(0x0304);
  EXPECT_THAT(octets(writer), ElementsAre(1, 2, 3, 4));
  writer.truncate(100);
  EXPECT_EQ(writer.size(), 4U);
}

TEST(WireWriter, OverwritesInPlace) {
  std::array<std::byte, 6> buffer{};
  WireWriter writer(buffer);
  writer.zeros(6);
  writer.overwrite_u16(0, 0x0102);
  writer.overwrite_u32(2, 0x03040506);
  EXPECT_THAT(octets(writer), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(WireWriter, AppendsOctetsWholeOrNotAtAll) {
  const std::array<std::byte, 3> three{std::byte{7}, std::byte{8}, std::byte{9}};
  std::array<std::byte, 5> buffer{};
  WireWriter writer(buffer);
  writer.octets(three);
  writer.octets({});
  EXPECT_THAT(octets(writer), ElementsAre(7, 8, 9));
  writer.octets(three);
  EXPECT_TRUE(writer.overflowed());
  EXPECT_EQ(writer.size(), 3U);
}

TEST(WireWriter, ClaimsRoomToBeFilled) {
  std::array<std::byte, 4> buffer{};
  WireWriter writer(buffer);
  writer.u8(1);
  std::byte* room = writer.claim(3);
  ASSERT_EQ(room, buffer.data() + 1);
  wire::store(room, std::uint16_t{0x0203});
  EXPECT_THAT(octets(writer), ElementsAre(1, 2, 3, 0));
}

}  // namespace
}  // namespace ctflow
