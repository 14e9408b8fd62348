// SPDX-License-Identifier: GPL-2.0-or-later
// Truth rule 1 against a model of the kernel: connections of random length, events read late, parts
// of a dump read late, passes given up in the middle, identities used again.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "conntrack/event_reader.hpp"
#include "conntrack/table_reader.hpp"
#include "support/event_builder.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using test::StockConnection;

constexpr LiveConnections::Steady kBegan{std::chrono::seconds(5000)};
constexpr std::size_t kPart = 7;  // entries the kernel writes at once

struct Totals {
  std::uint64_t forward = 0;
  std::uint64_t backward = 0;

  friend bool operator==(const Totals&, const Totals&) = default;
};

/// Adds up what is exported by client port, and checks every record on its way.
class Collector : public FlowSink {
 public:
  void on_flow(Flow& flow) override {
    EXPECT_LE(flow.start, flow.end);
    EXPECT_LE(flow.end, flow.event_time);
    EXPECT_EQ(flow.forward.octets, flow.forward.packets * test::kStockOctets);
    EXPECT_EQ(flow.backward.octets, flow.backward.packets * test::kStockOctets);
    EXPECT_GT(flow.forward.packets + flow.backward.packets, 0U);
    Totals& sum = sums[flow.original.source_port];
    sum.forward += flow.forward.packets;
    sum.backward += flow.backward.packets;
    ++records;
  }
  void on_batch_end() override {}
  void on_checkpoint() override {}
  void on_source_end() override {}

  std::map<std::uint16_t, Totals> sums;
  std::uint64_t records = 0;
};

class Model {
 public:
  Model(std::uint64_t seed, bool timestamps, milliseconds active_timeout, std::size_t limit)
      : random_(seed),
        timestamps_(timestamps),
        config_{.live_connections = limit},
        reading_(collector_, counters_, config_, Instant{{}, kBegan}),
        events_(reading_),
        table_(reading_, active_timeout) {
    table_.pass_ended = [](bool) {};
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      now_ += 1 + pick(200);
      switch (pick(8)) {
        case 0:
        case 1:
          begin_connection();
          break;
        case 2:
          end_connection();
          break;
        case 3:
          read_events(pick(6));
          break;
        case 4:
          read_part();
          break;
        case 5:
          if (pick(40) == 0) give_up_pass();
          break;
        default:
          carry();
      }
    }
    while (!living_.empty()) end_connection();
    read_events(queue_.size());
  }

  void check() const {
    EXPECT_EQ(collector_.sums, final_);
    EXPECT_EQ(counters_.ended + counters_.entries,
              collector_.records + counters_.already_reported + counters_.entries_skipped);
    EXPECT_EQ(counters_.malformed, 0U);
    EXPECT_EQ(vanished_, 0U) << "every end was told";
    EXPECT_EQ(reading_.live.size(), 0U);
    EXPECT_GT(collector_.records, ended_) << "some lived long enough to be reported";
  }

 private:
  std::uint64_t pick(std::uint64_t count) { return random_() % count; }
  [[nodiscard]] Instant now() const {
    return {TimePoint(std::chrono::nanoseconds(test::kStart)) + milliseconds(now_),
            kBegan + milliseconds(now_)};
  }

  void begin_connection() {
    const auto port = static_cast<std::uint16_t>(1 + pick(60));
    if (living_.contains(port)) return;
    StockConnection connection;
    connection.port = port;
    // With timestamps the same id comes again for the same tuple, and for others.
    connection.id = timestamps_ ? port % 5 : ++last_id_;
    connection.forward_packets = 1;
    connection.start = timestamps_ ? test::kStart + now_ * 1'000'000 : 0;
    living_[port] = connection;
  }

  /// Packets of one connection.
  void carry() {
    if (living_.empty()) return;
    auto one = std::next(living_.begin(), static_cast<std::ptrdiff_t>(pick(living_.size())));
    one->second.forward_packets += pick(5);
    one->second.backward_packets += pick(5);
  }

  void end_connection() {
    if (living_.empty()) return;
    auto one = std::next(living_.begin(), static_cast<std::ptrdiff_t>(pick(living_.size())));
    queue_.push_back(test::stock_end(one->second, test::kStart + now_ * 1'000'000));
    final_[one->first].forward += one->second.forward_packets;
    final_[one->first].backward += one->second.backward_packets;
    living_.erase(one);
    ++ended_;
  }

  void read_events(std::uint64_t count) {
    for (; count > 0 && !queue_.empty(); --count, queue_.pop_front()) {
      events_.on_datagram(std::as_bytes(std::span(queue_.front())), now());
    }
  }

  /// The kernel writes the next part while the last one is read.
  void write_part() {
    part_.clear();
    written_ = now();
    auto one = living_.upper_bound(position_);
    for (; one != living_.end() && part_.size() < kPart; ++one) {
      part_.push_back(test::table_entry(one->second));
      position_ = one->first;
    }
    at_end_ = one == living_.end();
    table_.on_part_requested();
  }

  void read_part() {
    if (!running_) {
      table_.begin_pass(TableReader::Purpose::kReport, completed_);
      position_ = 0;
      running_ = true;
      write_part();
      return;
    }
    for (const test::Octets& entry : part_) {
      table_.on_entry(std::as_bytes(std::span(entry)), written_);
    }
    if (at_end_) {
      part_.clear();
      running_ = false;
      completed_ = true;
      read_events(queue_.size());  // as TablePasses does, before it draws conclusions
      for (std::size_t at = 0; at != ConnectionTable::kSwept;) {
        at = reading_.live.forget_vanished(at, 16, vanished_, [](const Remembered&) {});
      }
    } else {
      write_part();
    }
  }

  void give_up_pass() {
    if (running_) completed_ = false;
    running_ = false;
  }

  std::mt19937_64 random_;
  bool timestamps_;
  SourceConfig config_;
  Collector collector_;
  SourceCounters counters_;
  Reading reading_;
  EventReader events_;
  TableReader table_;
  std::map<std::uint16_t, StockConnection> living_;
  std::map<std::uint16_t, Totals> final_;
  std::deque<test::Octets> queue_;
  std::vector<test::Octets> part_;
  Instant written_{};
  std::uint64_t now_ = 0;  // milliseconds
  std::uint32_t last_id_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t vanished_ = 0;
  std::uint16_t position_ = 0;
  bool running_ = false;
  bool at_end_ = false;
  bool completed_ = false;
};

class Conservation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Conservation, ExportedDeltasAddUpToTheKernelsCounters) {
  std::mt19937_64 random(GetParam());
  const milliseconds active_timeout(5000 + random() % 60'000);
  Model model(GetParam(), true, active_timeout, 1000);
  model.run(60'000);
  model.check();
}

TEST_P(Conservation, HoldsWhenOnlyAFewConnectionsCanBeRemembered) {
  Model model(GetParam(), true, milliseconds(10'000), 10);
  model.run(60'000);
  model.check();
}

TEST_P(Conservation, HoldsWithoutKernelTimestamps) {
  Model model(GetParam(), false, milliseconds(20'000), 1000);
  model.run(60'000);
  model.check();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Conservation, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace ctflow
