// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/stream_position.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "support/stream_collector.hpp"

namespace ctflow {
namespace {

TEST(PositionOf, TellsWhatWasWrittenAndWhatWasAcknowledged) {
  boost::asio::io_context io;
  test::StreamCollector collector(io, 0, 4096);
  collector.set_reading(false);
  test::tcp::socket socket(io);
  socket.connect(test::tcp::endpoint(boost::asio::ip::address_v4::loopback(), collector.port()));
  const auto before = position_of(socket.native_handle());
  ASSERT_TRUE(before);
  EXPECT_EQ(before->acknowledged, before->written);
  socket.non_blocking(true);
  const std::vector<std::byte> octets(1 << 20);
  boost::system::error_code error;
  const std::size_t taken = socket.send(boost::asio::buffer(octets), 0, error);
  ASSERT_GT(taken, 100'000U);
  std::optional<StreamPosition> position;
  ASSERT_TRUE(test::run_until(io, [&] {
    position = position_of(socket.native_handle());
    return position->acknowledged > before->acknowledged;
  }));
  EXPECT_EQ(position->written - before->written, taken);
  EXPECT_LT(position->acknowledged, position->written) << "the receiver has no room for it";
  ASSERT_TRUE(test::run_until(io, [&] { return collector.connections() == 1; }));
  collector.close(true);
  ASSERT_TRUE(test::run_until(io, [&] {
    std::byte octet{};
    return socket.receive(boost::asio::buffer(&octet, 1), 0, error) == 0 &&
           error == boost::asio::error::connection_reset;
  }));
  const auto after = position_of(socket.native_handle());
  ASSERT_TRUE(after) << "also of a connection that was reset";
  EXPECT_EQ(after->acknowledged, position->acknowledged);
}

TEST(PositionOf, KnowsNothingOfOtherSockets) {
  const int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
  EXPECT_FALSE(position_of(datagrams));
  close(datagrams);
  EXPECT_FALSE(position_of(-1));
}

TEST(AllWasRead, TellsWhetherAUnixPeerHasTakenEverything) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  EXPECT_TRUE(all_was_read(ends[0]));
  std::array<char, 8> octets{};
  ASSERT_EQ(write(ends[0], octets.data(), 8), 8);
  EXPECT_FALSE(all_was_read(ends[0]));
  ASSERT_EQ(read(ends[1], octets.data(), 4), 4);
  EXPECT_FALSE(all_was_read(ends[0]));
  ASSERT_EQ(read(ends[1], octets.data(), 4), 4);
  EXPECT_TRUE(all_was_read(ends[0]));
  ASSERT_EQ(write(ends[0], octets.data(), 8), 8);
  close(ends[1]);
  EXPECT_FALSE(all_was_read(ends[0])) << "its queue was thrown away";
  close(ends[0]);
  EXPECT_FALSE(all_was_read(-1));
}

}  // namespace
}  // namespace ctflow
