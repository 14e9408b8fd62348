// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/neighbours/neighbours.hpp"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/routing_messages.hpp"
#include "support/seed.hpp"
#include "support/text_address.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;
using test::text_address;

constexpr std::uint64_t kOne = 0x02005e005301;
constexpr std::uint64_t kTwo = 0x02005e005302;
constexpr std::uint32_t kLan = 2;
constexpr std::uint32_t kOther = 3;

class NeighboursTest : public testing::Test {
 protected:
  void see(const std::string& address, std::uint32_t interface, std::uint64_t mac) {
    const test::TextAddress one = text_address(address);
    table_.apply({one.family, one.address, interface, mac}, now_);
  }
  void own(const std::string& address, std::uint32_t interface, std::uint8_t length, bool there) {
    const test::TextAddress one = text_address(address);
    table_.apply_own({one.family, one.address, interface, length, there}, now_);
  }
  void lose(const std::string& address, std::uint32_t interface) { see(address, interface, 0); }

  [[nodiscard]] std::uint64_t find(const std::string& address, std::uint32_t interface,
                                   std::chrono::nanoseconds ago = 0ns) const {
    const test::TextAddress one = text_address(address);
    return table_.find(one.family, one.address, interface, now_ - ago);
  }

  Neighbours table_;
  TimePoint now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};
};

TEST_F(NeighboursTest, FindsADeviceByAnyOfItsAddresses) {
  see("10.0.0.5", kLan, kOne);
  see("fd00::5", kLan, kOne);
  EXPECT_EQ(find("10.0.0.5", kLan), kOne);
  EXPECT_EQ(find("fd00::5", kLan), kOne);
  EXPECT_EQ(find("10.0.0.6", kLan), 0U);
}

TEST_F(NeighboursTest, TellsInterfacesApart) {
  see("fe80::1", kLan, kOne);
  EXPECT_EQ(find("fe80::1", 0), kOne);
  EXPECT_EQ(find("fe80::1", kOther), kOne) << "it is nowhere else";
  see("fe80::1", kOther, kTwo);
  EXPECT_EQ(find("fe80::1", kLan), kOne);
  EXPECT_EQ(find("fe80::1", kOther), kTwo);
  EXPECT_EQ(find("fe80::1", 0), 0U) << "it may be either";
}

TEST_F(NeighboursTest, OfAnInterfaceThatIsKnownAreThoseOfNoOther) {
  const test::TextAddress one = text_address("10.0.0.5");
  see("10.0.0.5", kOther, kTwo);
  EXPECT_EQ(table_.find_at(one.family, one.address, kLan, now_), 0U);
  EXPECT_EQ(table_.find_at(one.family, one.address, kOther, now_), kTwo);
  EXPECT_EQ(table_.find_at(AddressFamily::kIpv6, one.address, kOther, now_), 0U);
  see("10.0.0.5", kLan, kOne);
  EXPECT_EQ(table_.find_at(one.family, one.address, kLan, now_), kOne);
  now_ += 10min;
  see("10.0.0.5", kLan, kTwo);
  EXPECT_EQ(table_.find_at(one.family, one.address, kLan, now_), kTwo);
  EXPECT_EQ(table_.find_at(one.family, one.address, kLan, now_ - 30s), kOne);
}

// The router that had a virtual address until this one took it over (VRRP) is still remembered.
TEST_F(NeighboursTest, ThisHostsOwnAddressIsNobodys) {
  see("10.0.0.1", kLan, kOne);
  see("fd00::1", kLan, kOne);
  now_ += 10min;
  own("10.0.0.1", kLan, 24, true);
  own("fd00::1", kOther, 64, true);
  const test::TextAddress one = text_address("10.0.0.1");
  EXPECT_EQ(find("10.0.0.1", kLan), 0U);
  EXPECT_EQ(find("10.0.0.1", 0), 0U);
  EXPECT_EQ(find("fd00::1", kLan), 0U) << "it is this host's, at whatever interface";
  EXPECT_EQ(table_.find_at(one.family, one.address, kLan, now_), 0U);
  EXPECT_EQ(find("10.0.0.1", kLan, 2s), kOne) << "it was the other's when that ended";
  EXPECT_EQ(find("10.0.0.1", kLan, 500ms), 0U) << "it may have been of either";
  see("10.0.0.1", kLan, kOne);
  EXPECT_EQ(find("10.0.0.1", kLan), 0U) << "whatever the kernel remembers";
  now_ += 10min;
  own("10.0.0.1", kLan, 24, false);
  EXPECT_EQ(find("10.0.0.1", kLan, 1s), 0U) << "still this host's then";
  now_ += 1s;
  EXPECT_EQ(find("10.0.0.1", kLan), kOne) << "it went back";
}

TEST_F(NeighboursTest, AnAddressIsOwnAsLongAsOneInterfaceHasIt) {
  see("10.0.0.1", kLan, kOne);
  own("10.0.0.1", kLan, 24, true);
  own("10.0.0.1", kLan, 32, true);
  own("10.0.0.1", kOther, 24, true);
  now_ += 10min;
  own("10.0.0.1", kLan, 32, false);
  own("10.0.0.1", kOther, 24, false);
  now_ += 1s;
  EXPECT_EQ(find("10.0.0.1", kLan), 0U);
  table_.begin_dump();
  see("10.0.0.1", kLan, kOne);
  table_.end_dump(now_);
  now_ += 1s;
  EXPECT_EQ(find("10.0.0.1", kLan), kOne) << "a dump does not have it any more";
  own("10.0.0.1", kLan, 24, true);
  now_ -= 5h;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.1", kLan), 0U) << "the clock was set back";
  now_ += 10h;
  see("10.0.0.1", kLan, kOne);
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.1", kLan), 0U) << "one that is there does not expire";
}

TEST_F(NeighboursTest, KeepsForAnHourWhatTheKernelRemoved) {
  see("10.0.0.5", kLan, kOne);
  lose("10.0.0.5", kLan);
  now_ += 59min;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.5", kLan), kOne);
  lose("10.0.0.5", kLan);  // again: it was gone already
  now_ += 2min;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.5", kLan), 0U);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(NeighboursTest, KeepsWhatComesBack) {
  see("10.0.0.5", kLan, kOne);
  lose("10.0.0.5", kLan);
  now_ += 30min;
  see("10.0.0.5", kLan, kOne);
  now_ += 300h;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.5", kLan), kOne);
}

TEST_F(NeighboursTest, KnowsWhoHadAnAddressBefore) {
  see("10.0.0.5", kLan, kOne);
  now_ += 10min;
  see("10.0.0.5", kLan, kTwo);
  EXPECT_EQ(find("10.0.0.5", kLan), kTwo);
  EXPECT_EQ(find("10.0.0.5", kLan, 500ms), kTwo) << "its first packet was before its announcement";
  EXPECT_EQ(find("10.0.0.5", kLan, 30s), kOne);
  now_ += 2h;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.5", kLan, 3h), kTwo) << "as late as that, nothing is reported";
}

TEST_F(NeighboursTest, LosesWhatADumpDoesNotHaveAnyMore) {
  see("10.0.0.5", kLan, kOne);
  see("10.0.0.6", kLan, kTwo);
  table_.begin_dump();
  see("10.0.0.6", kLan, kTwo);
  table_.end_dump(now_);
  EXPECT_EQ(find("10.0.0.5", kLan), kOne);
  now_ += 61min;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.5", kLan), 0U);
  EXPECT_EQ(find("10.0.0.6", kLan), kTwo);
}

TEST_F(NeighboursTest, SurvivesAClockThatIsSetBack) {
  see("10.0.0.5", kLan, kOne);
  lose("10.0.0.5", kLan);
  now_ -= std::chrono::hours(24 * 365);
  table_.expire(now_);
  now_ += 61min;
  table_.expire(now_);
  EXPECT_EQ(find("10.0.0.5", kLan), 0U);
}

/// find_at() remembers nothing.
TEST_F(NeighboursTest, AnswersFromMemoryWhatALookWouldFind) {
  const unsigned seed = test::any_seed();
  SCOPED_TRACE("CTFLOWD_SEED=" + std::to_string(seed));
  std::mt19937 engine(seed);
  const auto any = [&](unsigned count) { return static_cast<unsigned>(engine() % count); };
  const std::array<const char*, 3> addresses{"10.0.0.5", "fe80::1", "10.0.0.6"};
  constexpr std::uint32_t kInterfaces = 4;  // from 1 on
  const auto found_by_look = [&](const std::string& address, std::uint32_t interface,
                                 TimePoint at) {
    const test::TextAddress one = text_address(address);
    std::set<std::uint64_t> devices;
    for (std::uint32_t i = 1; i <= kInterfaces; ++i) {
      const std::uint64_t mac = table_.find_at(one.family, one.address, i, at);
      if (i == interface && mac != 0) return mac;
      if (mac != 0) devices.insert(mac);
    }
    return devices.size() == 1 ? *devices.begin() : 0;
  };
  unsigned known = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::string address = addresses.at(any(3));
    const std::uint32_t interface = 1 + any(kInterfaces);
    switch (any(16)) {
      case 0:
        see(address, interface, any(2) == 0 ? kOne : kTwo);
        break;
      case 1:
        lose(address, interface);
        break;
      case 2:
        own(address, interface, 24, any(3) == 0);
        break;
      case 3:
        if (any(8) == 0) table_.begin_dump();
        break;
      case 4:
        if (any(8) == 0) table_.end_dump(now_);
        break;
      case 5:
        table_.expire(now_);
        break;
      case 6:
        now_ += std::chrono::milliseconds(any(4) == 0 ? any(3'600'000) : any(1000));
        break;
      case 7:
        if (any(8) == 0) now_ -= std::chrono::milliseconds(any(600'000));
        break;
      default:
        break;
    }
    const TimePoint at =
        now_ + 2s - std::chrono::milliseconds(any(2) == 0 ? any(5000) : any(5'000'000));
    const std::uint32_t asked = any(kInterfaces + 2);
    const test::TextAddress one = text_address(address);
    const std::uint64_t found = table_.find(one.family, one.address, asked, at);
    ASSERT_EQ(found, found_by_look(address, asked, at)) << "step " << step;
    if (found != 0) ++known;
  }
  EXPECT_GT(known, 1000U);
}

TEST_F(NeighboursTest, HasABound) {
  IpAddress address = text_address("10.0.0.0").address;
  const auto see_number = [&](std::size_t i, std::uint64_t mac) {
    address.octets[1] = static_cast<std::uint8_t>(i >> 16);
    address.octets[2] = static_cast<std::uint8_t>(i >> 8);
    address.octets[3] = static_cast<std::uint8_t>(i);
    table_.apply({AddressFamily::kIpv4, address, kLan, mac}, now_);
  };
  for (std::size_t i = 0; i < Neighbours::kMost; ++i) see_number(i, kOne);
  see_number(Neighbours::kMost, kTwo);
  EXPECT_EQ(table_.size(), Neighbours::kMost);
  EXPECT_EQ(table_.find(AddressFamily::kIpv4, address, kLan, now_), 0U);
  see_number(7, 0);
  see_number(Neighbours::kMost, kTwo);
  EXPECT_EQ(table_.find(AddressFamily::kIpv4, address, kLan, now_), kTwo)
      << "in the place of one that is gone";
  EXPECT_EQ(table_.size(), Neighbours::kMost);
}

/// A message as the kernel sends it.
class NeighbourMessageTest : public testing::Test {
 protected:
  NeighbourMessageTest() {
    header_.ndm_family = AF_INET;
    header_.ndm_ifindex = kLan;
    header_.ndm_state = NUD_REACHABLE;
  }

  void attribute(std::uint16_t type, const std::vector<std::uint8_t>& value) {
    const rtattr head{static_cast<std::uint16_t>(sizeof(rtattr) + value.size()), type};
    append(&head, sizeof head);
    append(value.data(), value.size());
    attributes_.resize((attributes_.size() + 3) & ~std::size_t{3});
  }

  std::optional<NeighbourMessage> decoded(std::uint16_t type = RTM_NEWNEIGH) {
    nlmsghdr netlink{};
    netlink.nlmsg_type = type;
    std::vector<std::byte> rest = std::exchange(attributes_, {});
    append(&netlink, sizeof netlink);
    append(&header_, sizeof header_);
    attributes_.insert(attributes_.end(), rest.begin(), rest.end());
    netlink.nlmsg_len = static_cast<std::uint32_t>(attributes_.size());
    std::memcpy(attributes_.data(), &netlink, sizeof netlink);
    message_ = std::exchange(attributes_, std::move(rest));
    return decode_neighbour(message_);
  }

  void append(const void* from, std::size_t size) {
    const std::size_t at = attributes_.size();
    attributes_.resize(at + size);
    if (size > 0) std::memcpy(&attributes_[at], from, size);
  }

  ndmsg header_{};
  std::vector<std::byte> attributes_;
  std::vector<std::byte> message_;
};

const std::vector<std::uint8_t> kAddress{10, 0, 0, 5};
const std::vector<std::uint8_t> kMac{0x02, 0x00, 0x5e, 0x00, 0x53, 0x01};

TEST_F(NeighbourMessageTest, IsRead) {
  attribute(NDA_DST, kAddress);
  attribute(NDA_LLADDR, kMac);
  for (const int state : {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT}) {
    header_.ndm_state = static_cast<std::uint16_t>(state);
    const auto found = decoded();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->address, text_address("10.0.0.5").address);
    EXPECT_EQ(found->family, AddressFamily::kIpv4);
    EXPECT_EQ(found->interface, kLan);
    EXPECT_EQ(found->mac, kOne);
  }
  EXPECT_EQ(decoded(RTM_DELNEIGH)->mac, 0U);
}

TEST_F(NeighbourMessageTest, SaysNoMacAddressOfWhoDoesNotAnswer) {
  attribute(NDA_DST, kAddress);
  attribute(NDA_LLADDR, kMac);
  for (const int state : {NUD_FAILED, NUD_INCOMPLETE, NUD_NONE}) {
    header_.ndm_state = static_cast<std::uint16_t>(state);
    ASSERT_TRUE(decoded());
    EXPECT_EQ(decoded()->mac, 0U);
  }
}

TEST_F(NeighbourMessageTest, TakesNoDummyForADevice) {
  for (const auto& mac : {std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0},
                          std::vector<std::uint8_t>{0x33, 0x33, 0, 0, 0, 1},
                          std::vector<std::uint8_t>{255, 255, 255, 255, 255, 255},
                          std::vector<std::uint8_t>{10, 0, 0, 5}}) {
    attributes_.clear();
    attribute(NDA_DST, kAddress);
    attribute(NDA_LLADDR, mac);
    ASSERT_TRUE(decoded());
    EXPECT_EQ(decoded()->mac, 0U);
  }
}

TEST_F(NeighbourMessageTest, IsIgnoredWhereItIsOfNoNeighbour) {
  attribute(NDA_LLADDR, kMac);
  EXPECT_FALSE(decoded()) << "without an address";
  attribute(NDA_DST, kAddress);
  header_.ndm_family = AF_BRIDGE;
  EXPECT_FALSE(decoded());
  header_.ndm_family = AF_INET6;
  EXPECT_FALSE(decoded()) << "an address of another family";
  header_.ndm_family = AF_INET;
  header_.ndm_state = NUD_NOARP;
  EXPECT_FALSE(decoded());
  header_.ndm_state = NUD_REACHABLE;
  EXPECT_FALSE(decoded(RTM_NEWROUTE));
  header_.ndm_ifindex = 0;
  EXPECT_FALSE(decoded());
}

TEST_F(NeighbourMessageTest, IsRefusedWhereItIsCutShort) {
  attribute(NDA_DST, kAddress);
  attribute(NDA_LLADDR, kMac);
  ASSERT_TRUE(decoded());
  const std::vector<std::byte> whole = message_;
  constexpr std::size_t kPadding = 2;  // behind the last attribute
  for (std::size_t length = 0; length < whole.size() - kPadding; ++length) {
    const auto found = decode_neighbour(Bytes(whole).first(length));
    EXPECT_TRUE(!found || found->mac == 0) << length;
  }
}

TEST(OwnAddressMessage, IsReadWithItsInterfaceAndNetwork) {
  const auto decoded = [](bool removed, std::uint8_t flags) {
    test::Octets message =
        test::address_message("fe80::1", kLan, {.length = 64, .removed = removed});
    message[sizeof(nlmsghdr) + offsetof(ifaddrmsg, ifa_flags)] = flags;
    return decode_own_address(test::bytes_of(message));
  };
  const auto found = decoded(false, IFA_F_PERMANENT);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, text_address("fe80::1").address);
  EXPECT_EQ(found->family, AddressFamily::kIpv6);
  EXPECT_EQ(found->interface, kLan);
  EXPECT_EQ(found->length, 64);
  EXPECT_TRUE(found->there);
  EXPECT_FALSE(decoded(true, 0)->there);
  EXPECT_FALSE(decoded(false, IFA_F_DADFAILED)->there) << "another host has it";
}

TEST(OwnAddressMessage, IsRefusedWhereItIsOfAnotherKindOrCutShort) {
  const test::Octets whole = test::address_message("fe80::1", kLan);
  ASSERT_TRUE(decode_own_address(test::bytes_of(whole)));
  for (std::size_t length = sizeof(nlmsghdr); length < whole.size(); ++length) {
    const test::Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(decode_own_address(test::bytes_of(cut))) << length;
  }
  EXPECT_FALSE(decode_own_address(test::bytes_of(test::link_message(kLan, "lan"))));
}

}  // namespace
}  // namespace ctflow
