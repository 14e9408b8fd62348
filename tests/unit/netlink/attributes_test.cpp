// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/attributes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using test::attribute;
using test::be16;
using test::Octets;

Bytes bytes(const Octets& octets) { return std::as_bytes(std::span(octets)); }

/// The types found, and whether the run was well-formed.
std::pair<std::vector<unsigned>, bool> walk(const Octets& octets) {
  std::vector<unsigned> types;
  Attributes attributes(bytes(octets));
  Attribute item;
  while (attributes.next(item)) types.push_back(item.type);
  return {types, !attributes.malformed()};
}

const std::vector<unsigned> kNone;

TEST(Attributes, WalksAPaddedRunAndRemovesFlags) {
  Octets run = attribute(1, {9});
  test::append(run, attribute(2 | NLA_F_NESTED, be16(7)));
  test::append(run, attribute(3 | NLA_F_NET_BYTEORDER, {}));
  EXPECT_EQ(walk(run), std::pair(std::vector<unsigned>({1, 2, 3}), true));
}

TEST(Attributes, AcceptsAnEmptyRun) { EXPECT_EQ(walk({}), std::pair(kNone, true)); }

TEST(Attributes, AcceptsALastAttributeWithoutPadding) {
  Octets run = attribute(1, {9});
  run.resize(5);
  EXPECT_EQ(walk(run), std::pair(std::vector<unsigned>({1}), true));
}

TEST(Attributes, RefusesALengthBelowTheHeader) {
  for (std::uint8_t length = 0; length < 4; ++length) {
    EXPECT_EQ(walk({length, 0, 1, 0, 0, 0, 0, 0}), std::pair(kNone, false)) << int{length};
  }
}

TEST(Attributes, RefusesALengthBeyondTheEnd) {
  EXPECT_EQ(walk({9, 0, 1, 0, 0, 0, 0, 0}), std::pair(kNone, false));
  EXPECT_EQ(walk({0xff, 0xff, 1, 0}), std::pair(kNone, false));
}

TEST(Attributes, RefusesOctetsThatAreNoAttribute) {
  Octets run = attribute(1, {});
  run.push_back(0);
  EXPECT_EQ(walk(run), std::pair(std::vector<unsigned>({1}), false));
}

TEST(Messages, SplitsADatagram) {
  Octets datagram = test::message(0, {});
  test::append(datagram, test::message(2, {attribute(1, {})}));
  Messages messages(bytes(datagram));
  Bytes message;
  ASSERT_TRUE(messages.next(message));
  EXPECT_EQ(message.size(), 20U);
  ASSERT_TRUE(messages.next(message));
  EXPECT_EQ(message.size(), 24U);
  EXPECT_FALSE(messages.next(message));
  EXPECT_FALSE(messages.malformed());
}

TEST(Messages, RefusesLengthsThatLie) {
  for (const std::uint32_t length : {0U, 15U, 21U, 0xffffffffU}) {
    Octets datagram = test::message(0, {});
    const Octets lie = test::host(length);
    std::copy(lie.begin(), lie.end(), datagram.begin());
    Messages messages(bytes(datagram));
    Bytes message;
    EXPECT_FALSE(messages.next(message)) << length;
    EXPECT_TRUE(messages.malformed()) << length;
  }
}

}  // namespace
}  // namespace ctflow
