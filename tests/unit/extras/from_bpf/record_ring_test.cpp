// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/record_ring.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "ctflow/config.hpp"
#include "support/fake_programs.hpp"

namespace ctflow {
namespace {

using test::MeasuredConnection;

/// Client ports of the records that came.
class Ports : public RecordConsumer {
 public:
  void on_record(const ctflow_record& record, const Instant& /*time*/) override {
    ports.push_back(ntohs(record.tuple[0].source_port));
  }
  void on_batch_end() override { ++batch_ends; }

  std::vector<int> ports;
  int batch_ends = 0;
};

class RecordRingTest : public testing::Test {
 protected:
  RecordRingTest() { kernel_.descriptor = event_.number(); }

  void send(std::uint16_t port, std::uint64_t netns = test::kNetns) {
    kernel_.records.push_back(
        test::record(CTFLOW_ENDED, {.port = port, .original_counters = 1, .netns = netns}, 0));
    const std::uint64_t one = 1;
    EXPECT_EQ(write(event_.number(), &one, sizeof one), ssize_t{sizeof one});
  }

  boost::asio::io_context io_;
  Descriptor event_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  test::FakeKernelRing kernel_;
  RecordRing ring_{io_, std::make_unique<test::FakePrograms>(kernel_),
                   std::chrono::milliseconds(0)};
};

TEST(RecordRing, HoldsAsManyRecordsAsTheReceiveBufferHoldsEvents) {
  constexpr std::size_t kMiB = 1U << 20U;
  EXPECT_EQ(sizes_for(128 * kMiB).ring_octets, 32 * kMiB);
  EXPECT_EQ(sizes_for(132 * kMiB).ring_octets, 64 * kMiB);
  EXPECT_EQ(sizes_for(kMiB / 16).ring_octets, kMiB / 64);
  EXPECT_EQ(sizes_for(1024 * kMiB).ring_octets, 256 * kMiB);
  EXPECT_GE(sizes_for(SourceConfig().receive_buffer).ring_octets / sizeof(ctflow_record), 90'000U);
}

TEST_F(RecordRingTest, LoadsOnceAndOnlyIfANamespaceIsWatched) {
  EXPECT_EQ(kernel_.loads, 0);
  EXPECT_EQ(ring_.watch(1, {std::chrono::seconds(60), false}).obstacle, "");
  EXPECT_EQ(ring_.watch(2, {}).obstacle, "");
  EXPECT_EQ(kernel_.loads, 1);
  EXPECT_EQ(kernel_.watched.at(1), (Watch{std::chrono::seconds(60), false}));
}

TEST_F(RecordRingTest, SaysWhyNot) {
  kernel_.load_obstacle = "CAP_BPF is missing";
  EXPECT_EQ(ring_.watch(1, {}).obstacle, "CAP_BPF is missing");
  kernel_.load_obstacle = "";
  kernel_.watch_obstacle = "the map is full";
  EXPECT_EQ(ring_.watch(1, {}).obstacle, "the map is full");
  RecordRing none(io_, nullptr, std::chrono::milliseconds(0));
  EXPECT_NE(none.watch(1, {}).obstacle, "");
}

TEST_F(RecordRingTest, HandsEachRecordToItsNamespace) {
  const int first = ring_.watch(1, {}).id;
  const int second = ring_.watch(2, {}).id;
  Ports one;
  Ports two;
  ring_.start(first, one);
  ring_.start(second, two);
  send(10, 1);
  send(20, 2);
  send(30, 3);
  send(11, 1);
  io_.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(one.ports, (std::vector{10, 11}));
  EXPECT_EQ(two.ports, (std::vector{20}));
  EXPECT_GT(one.batch_ends, 0);
}

TEST_F(RecordRingTest, SharesANamespaceAndAsksForAllThatAnyWants) {
  using std::chrono::seconds;
  const int first = ring_.watch(1, {seconds(60), true}).id;
  const int second = ring_.watch(1, {seconds(10), false}).id;
  EXPECT_EQ(kernel_.watched.at(1), (Watch{seconds(10), true}));
  Ports one;
  Ports two;
  ring_.start(first, one);
  ring_.start(second, two);
  send(10, 1);
  EXPECT_TRUE(ring_.catch_up());
  EXPECT_EQ(one.ports, two.ports);
  ring_.unwatch(first);
  EXPECT_EQ(kernel_.watched.at(1), (Watch{seconds(10), false})) << "the other one stays";
  ring_.unwatch(second);
  EXPECT_TRUE(kernel_.watched.empty());
}

TEST_F(RecordRingTest, KeepsWhatComesBeforeTheStartAndCountsWhatItCannotKeep) {
  const int id = ring_.watch(test::kNetns, {}).id;
  for (std::size_t i = 0; i < RecordRing::kEarly + 5; ++i) send(7);
  while (!ring_.catch_up()) {
  }
  EXPECT_EQ(ring_.losses(id)[CTFLOW_LOST_ENDED], 5U);
  Ports ports;
  ring_.start(id, ports);
  EXPECT_EQ(ports.ports.size(), RecordRing::kEarly);
}

TEST_F(RecordRingTest, ReadsWhatWasSentBeforeTheWatchEnded) {
  const int id = ring_.watch(test::kNetns, {}).id;
  Ports ports;
  ring_.start(id, ports);
  send(1);
  ring_.unwatch(id);
  EXPECT_EQ(ports.ports, std::vector{1});
  send(2);
  EXPECT_TRUE(ring_.catch_up());
  EXPECT_EQ(ports.ports, std::vector{1}) << "nobody is left to take it";
}

TEST_F(RecordRingTest, ReportsAllThatLiveHoweverLittleRoomThereIs) {
  const int id = ring_.watch(test::kNetns, {}).id;
  Ports ports;
  ring_.start(id, ports);
  kernel_.room = 3;
  for (std::uint16_t port = 1; port <= 10; ++port) {
    kernel_.living.push_back(
        test::record(CTFLOW_REPORTED, {.port = port, .original_counters = 1}, 0));
  }
  EXPECT_TRUE(ring_.report_all(id));
  EXPECT_EQ(ports.ports.size(), 10U);
}

TEST_F(RecordRingTest, SweepsWhileReportsAreWanted) {
  const int id = ring_.watch(test::kNetns, {std::chrono::seconds(1), false}).id;
  io_.run_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(kernel_.sweeps, 1);
  ring_.unwatch(id);
  io_.run_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(kernel_.sweeps, 1);
}

TEST_F(RecordRingTest, ReadsDuringASweepAndBeginsNoSecondOne) {
  kernel_.long_sweeps = true;
  const int id = ring_.watch(test::kNetns, {std::chrono::seconds(1), false}).id;
  Ports ports;
  ring_.start(id, ports);
  io_.run_for(std::chrono::milliseconds(1100));
  ASSERT_EQ(kernel_.sweeps, 1);
  send(1);
  io_.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(ports.ports, std::vector{1});
  // A watch that begins or changes meanwhile sets the time of the next sweep anew.
  ring_.watch(2, {std::chrono::seconds(1), false});
  io_.run_for(std::chrono::milliseconds(2100));
  EXPECT_EQ(kernel_.sweeps, 1);
  EXPECT_EQ(ring_.catch_up(), true);
  kernel_.sweep.set_value(true);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (kernel_.sweeps < 2 && std::chrono::steady_clock::now() < end) {
    io_.run_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(kernel_.sweeps, 2);
}

TEST_F(RecordRingTest, SweepsAgainAtOnceWhenTheRingHadNoRoom) {
  kernel_.long_sweeps = true;
  ring_.watch(1, {std::chrono::seconds(8), false});
  io_.run_for(std::chrono::milliseconds(1100));
  ASSERT_EQ(kernel_.sweeps, 1);
  kernel_.sweep.set_value(false);
  io_.run_for(std::chrono::milliseconds(100));
  EXPECT_EQ(kernel_.sweeps, 2);
  kernel_.sweep.set_value(true);
  io_.run_for(std::chrono::milliseconds(500));
  EXPECT_EQ(kernel_.sweeps, 2);
}

}  // namespace
}  // namespace ctflow
