// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/replay_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "support/event_builder.hpp"
#include "support/fakes.hpp"
#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

using std::chrono::steady_clock;

class ReplaySourceTest : public testing::Test {
 protected:
  void write(std::uint16_t events) const {
    EventFileWriter writer(name_);
    for (std::uint16_t i = 0; i < events; ++i) {
      const test::Octets event = test::nat_tcp_event(i);
      writer.on_datagram(std::as_bytes(std::span(event)), Instant{time_, {}});
    }
  }

  test::TemporaryFile file_;
  std::string name_ = file_.name();
  TimePoint time_{std::chrono::nanoseconds(test::kStart + 126 * test::kSecond)};
  boost::asio::io_context io_;
  test::FakeSink sink_;
};

TEST_F(ReplaySourceTest, DeliversEveryEventWithTheTimeOfTheRecording) {
  write(3000);  // more than one portion
  ReplaySource source(io_, name_, 0);
  source.start(sink_);
  io_.run();
  ASSERT_EQ(sink_.flows.size(), 3000U);
  EXPECT_EQ(sink_.flows[2999].original.source_port, 2999);
  EXPECT_EQ(sink_.flows[2999].event_time, time_);
  EXPECT_TRUE(sink_.source_ended);
  EXPECT_EQ(source.counters().ended, 3000U);
}

TEST_F(ReplaySourceTest, TakesTheTimeoutsOfTheRecording) {
  const auto end_with = [&](std::optional<std::chrono::seconds> time_wait) {
    {
      EventFileWriter writer(name_);
      Timeouts timeouts;
      if (time_wait) {
        timeouts.tcp[7] = *time_wait;
        writer.on_timeouts(timeouts, time_ - std::chrono::seconds(60));
      }
      const test::Octets event = test::nat_tcp_event();
      writer.on_datagram(std::as_bytes(std::span(event)), Instant{time_, {}});
    }
    boost::asio::io_context io;
    test::FakeSink sink;
    ReplaySource source(io, name_, 0);
    source.start(sink);
    io.run();
    return sink.flows.at(0).end - sink.flows.at(0).start;
  };
  EXPECT_EQ(end_with(std::nullopt), std::chrono::seconds(125 - 120)) << "the kernel's default";
  EXPECT_EQ(end_with(std::chrono::seconds(100)), std::chrono::seconds(125 - 100));
}

TEST_F(ReplaySourceTest, KeepsToTheRate) {
  write(20);
  ReplaySource source(io_, name_, 200);
  const auto begin = steady_clock::now();
  source.start(sink_);
  io_.run();
  EXPECT_EQ(sink_.flows.size(), 20U);
  EXPECT_GE(steady_clock::now() - begin, std::chrono::milliseconds(90));
}

TEST_F(ReplaySourceTest, StopsAtOnce) {
  write(3000);
  ReplaySource source(io_, name_, 0);
  source.start(sink_);
  source.stop();
  io_.run();
  EXPECT_LT(sink_.flows.size(), 3000U);
  EXPECT_FALSE(sink_.source_ended);
}

TEST_F(ReplaySourceTest, DeliversWhatIsInFrontOfADamagedPlace) {
  write(2);
  std::ifstream in(name_, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  std::ofstream(name_, std::ios::binary) << content.substr(0, content.size() - 10);
  ReplaySource source(io_, name_, 0);
  EXPECT_THROW(source.start(sink_), EventFileError);
  EXPECT_EQ(sink_.flows.size(), 1U);
}

TEST_F(ReplaySourceTest, RefusesAFileInWhichNothingIsOfConntrack) {
  const std::size_t packet = test::nat_tcp_event().size() + 16 + 16;
  for (const std::uint16_t count : {std::uint16_t{1}, std::uint16_t{2}}) {
    write(count);
    std::ifstream in(name_, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t i = 0; i < count; ++i) content[24 + i * packet + 16 + 15] = NETLINK_ROUTE;
    std::ofstream(name_, std::ios::binary) << content;
    try {
      ReplaySource(io_, name_, 0).start(sink_);
      ADD_FAILURE() << count;
    } catch (const EventFileError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(count == 1 ? ": it has 1 packet, but no datagram"
                                                              : ": it has 2 packets, but no"));
    }
  }
}

TEST_F(ReplaySourceTest, TakesAnEmptyRecordingForARecordingOfNothing) {
  write(0);
  ReplaySource source(io_, name_, 0);
  source.start(sink_);
  io_.run();
  EXPECT_TRUE(sink_.source_ended);
}

}  // namespace
}  // namespace ctflow
