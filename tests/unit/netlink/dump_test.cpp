// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/dump.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using Kind = DumpMessage::Kind;

DumpMessage read(std::uint16_t type, std::uint16_t flags, const test::Octets& payload) {
  test::Octets message = test::host(static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()));
  test::append(message, test::host(type));
  test::append(message, test::host(flags));
  message.resize(sizeof(nlmsghdr));
  test::append(message, payload);
  return read_dump_message(std::as_bytes(std::span(message)));
}

TEST(DumpMessage, IsAnObjectOrTheEnd) {
  EXPECT_EQ(read(RTM_NEWLINK, NLM_F_MULTI, {}).kind, Kind::kObject);
  EXPECT_EQ(read(NLMSG_NOOP, 0, {}).kind, Kind::kNothing);
  const DumpMessage end = read(NLMSG_DONE, NLM_F_MULTI, test::host(std::int32_t{0}));
  EXPECT_EQ(end.kind, Kind::kEnd);
  EXPECT_FALSE(end.error);
}

TEST(DumpMessage, HasTheErrorOfTheKernel) {
  const DumpMessage refused = read(NLMSG_ERROR, 0, test::host(std::int32_t{-EPERM}));
  EXPECT_EQ(refused.kind, Kind::kEnd);
  EXPECT_EQ(refused.error, std::errc::operation_not_permitted);
  EXPECT_EQ(read(NLMSG_DONE, 0, test::host(std::int32_t{-ENOMEM})).error,
            std::errc::not_enough_memory);
  EXPECT_EQ(read(NLMSG_DONE, 0, {}).error, std::errc::bad_message) << "no room for the number";
  EXPECT_EQ(read(NLMSG_DONE, 0, test::host(std::int32_t{1})).error, std::errc::bad_message);
}

TEST(DumpMessage, TellsThatObjectsChangedMeanwhile) {
  EXPECT_FALSE(read(RTM_NEWLINK, NLM_F_MULTI, {}).interrupted);
  EXPECT_TRUE(read(RTM_NEWLINK, NLM_F_MULTI | NLM_F_DUMP_INTR, {}).interrupted);
  EXPECT_TRUE(read(NLMSG_DONE, NLM_F_DUMP_INTR, test::host(std::int32_t{0})).interrupted);
}

DumpRequest links() { return {RTM_GETLINK, std::vector<std::byte>(sizeof(ifinfomsg))}; }

bool is_loopback(Bytes link) {
  return load_host<std::int32_t>(link, sizeof(nlmsghdr) + offsetof(ifinfomsg, ifi_index)) == 1;
}

TEST(ReadDump, ReadsAllObjects) {
  bool found = false;
  const std::error_code error = read_dump(
      NETLINK_ROUTE, links(), [&](Bytes message) { found = found || is_loopback(message); });
  EXPECT_FALSE(error) << error.message();
  EXPECT_TRUE(found);
}

TEST(Dump, IsReadPartByPartAndBeginsAnew) {
  Dump dump(NETLINK_ROUTE);
  for (int i = 0; i < 2; ++i) {
    ASSERT_FALSE(dump.begin(links()));
    int objects = 0;
    Dump::State state = Dump::State::kMore;
    while (state == Dump::State::kMore || state == Dump::State::kWaiting) {
      ASSERT_TRUE(dump.wait(std::chrono::seconds(5)));
      state = dump.receive();
      EXPECT_GT(dump.part_size(), 0U);
      if (state == Dump::State::kMore) state = dump.parse([&](Bytes) { ++objects; });
    }
    EXPECT_EQ(state, Dump::State::kDone);
    EXPECT_GT(objects, 0);
  }
}

TEST(Dump, MayBeEndedByWhoTakesAnObject) {
  Dump dump(NETLINK_ROUTE);
  ASSERT_FALSE(dump.begin(links()));
  ASSERT_TRUE(dump.wait(std::chrono::seconds(5)));
  ASSERT_EQ(dump.receive(), Dump::State::kMore);
  int objects = 0;
  EXPECT_EQ(dump.parse([&](Bytes) {
    ++objects;
    dump.end();
  }),
            Dump::State::kFailed);
  EXPECT_EQ(objects, 1);
  EXPECT_EQ(dump.error(), std::errc::operation_canceled);
  EXPECT_FALSE(dump.running());
}

TEST(Dump, HasNothingWhileTheKernelHasWrittenNothing) {
  Dump dump(NETLINK_ROUTE);
  ASSERT_FALSE(dump.begin(links()));
  while (dump.receive() != Dump::State::kWaiting) {
  }
  EXPECT_EQ(dump.part_size(), 0U);
  EXPECT_FALSE(dump.wait(std::chrono::milliseconds(1)));
}

TEST(Dump, ReturnsTheErrorOfAProtocolThatIsNone) {
  Dump dump(255);
  EXPECT_TRUE(dump.begin(links()));
  EXPECT_FALSE(dump.running());
  EXPECT_TRUE(read_dump(255, links(), [](Bytes) {}));
}

}  // namespace
}  // namespace ctflow
