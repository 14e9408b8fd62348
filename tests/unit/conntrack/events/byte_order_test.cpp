// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/byte_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "netlink/attributes.hpp"
#include "support/event_builder.hpp"
#include "support/foreign_order.hpp"
#include "support/golden.hpp"
#include "support/source_directory.hpp"

namespace ctflow {
namespace {

std::string text_of(const test::Octets& octets) { return {octets.begin(), octets.end()}; }

std::span<std::byte> bytes_of(std::string& text) {
  return std::as_writable_bytes(std::span(text.data(), text.size()));
}

/// What comes out of `foreign` must be `native`, octet for octet.
void expect_native(std::string foreign, const std::string& native) {
  ASSERT_NE(foreign, native);
  EXPECT_FALSE(has_foreign_order(std::as_bytes(std::span(native)), true));
  EXPECT_TRUE(has_foreign_order(bytes_of(foreign), false));
  to_host_order(bytes_of(foreign));
  EXPECT_EQ(foreign, native);
}

TEST(ByteOrder, TurnsEveryKindOfEvent) {
  for (const test::Octets& event :
       {test::nat_tcp_event(), test::measured_event(IPCTNL_MSG_CT_DELETE, 3, 300, 5),
        test::measured_event(IPCTNL_MSG_CT_NEW, 3, 300, 5), test::stock_end({}, 7),
        test::table_entry({})}) {
    expect_native(test::ForeignOrder::datagram(text_of(event)), text_of(event));
  }
}

TEST(ByteOrder, TurnsWhatAKernelSent) {
  int events = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_directory() + "/tests/golden/events")) {
    const test::Golden golden = test::load_golden("events/" + entry.path().stem().string());
    const std::string native(reinterpret_cast<const char*>(golden.octets.data()),
                             golden.octets.size());
    SCOPED_TRACE(golden.file);
    expect_native(test::ForeignOrder::datagram(native), native);
    ++events;
  }
  EXPECT_GT(events, 5);
}

TEST(ByteOrder, TurnsAllMessagesOfADatagram) {
  std::string native = text_of(test::nat_tcp_event(1));
  native += text_of(test::message(IPCTNL_MSG_CT_DELETE, {test::attribute(99, {1, 2, 3})}));
  native += text_of(test::nat_tcp_event(2));
  expect_native(test::ForeignOrder::datagram(native), native);
}

TEST(ByteOrder, LeavesTheContentsOfOtherSubsystemsAlone) {
  const std::string native =
      text_of(test::with_type(test::nat_tcp_event(), NFNL_SUBSYS_NFTABLES << 8));
  expect_native(test::ForeignOrder::datagram(native), native);
}

TEST(ByteOrder, IsThatOfTheFileWhereTheLengthSaysNothing) {
  std::string nonsense(32, '\xff');
  for (const bool otherwise : {false, true}) {
    EXPECT_EQ(has_foreign_order(bytes_of(nonsense), otherwise), otherwise);
    std::string shorter(8, '\0');
    EXPECT_EQ(has_foreign_order(bytes_of(shorter), otherwise), otherwise);
    std::string both(0x30000, '\0');  // 0x00010200 octets, or 0x00020100
    both[1] = 2;
    both[2] = 1;
    EXPECT_EQ(has_foreign_order(bytes_of(both), otherwise), otherwise);
  }
}

TEST(ByteOrder, StaysWithinADatagramThatIsCutAnywhere) {
  const std::string foreign = test::ForeignOrder::datagram(text_of(test::nat_tcp_event()));
  for (std::size_t length = 0; length < foreign.size(); ++length) {
    // Of its own size, so that a sanitizer sees what is beyond.
    const auto* octets = reinterpret_cast<const std::byte*>(foreign.data());
    std::vector<std::byte> part(octets, octets + length);
    to_host_order(part);
  }
}

TEST(ByteOrder, BearsNestsWithoutEnd) {
  const auto turned = [](auto value) {
    test::Octets octets = test::host(value);
    std::reverse(octets.begin(), octets.end());
    return octets;
  };
  test::Octets nests;
  for (int i = 0; i < 10'000; ++i) {
    test::Octets outer = turned(static_cast<std::uint16_t>(nests.size() + sizeof(nlattr)));
    test::append(outer, turned(static_cast<std::uint16_t>(NLA_F_NESTED | 1)));
    test::append(outer, nests);
    nests = std::move(outer);
  }
  test::Octets message = turned(static_cast<std::uint32_t>(nests.size() + 20));
  test::append(message, turned(std::uint16_t{NFNL_SUBSYS_CTNETLINK << 8}));
  message.resize(20);
  test::append(message, nests);
  std::string text = text_of(message);
  to_host_order(bytes_of(text));
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(load_host<std::uint16_t>(bytes, 20), nests.size()) << "those outside are turned";
  EXPECT_EQ(text.substr(text.size() - 4), text_of(message).substr(text.size() - 4))
      << "the innermost ones are not: recursion has a bound";
}

}  // namespace
}  // namespace ctflow
