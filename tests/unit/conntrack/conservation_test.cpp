// SPDX-License-Identifier: GPL-2.0-or-later
// Truth rule 1 against a model of the kernel: connections of random length, events read late, parts
// of a dump read late, scans given up in the middle, identities used again, events sent again and
// again, ends that wait on the dying list, counters that another program sets to zero.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "conntrack/events/event_reader.hpp"
#include "conntrack/flow/decode.hpp"
#include "conntrack/table/scan_reader.hpp"
#include "ctflow/clock.hpp"
#include "support/event_builder.hpp"
#include "support/fakes.hpp"
#include "support/rounds.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using test::StockConnection;

constexpr MonoTime kBegan{std::chrono::seconds(5000)};
constexpr std::size_t kPart = 7;  // entries the kernel writes at once
constexpr int kSteps = test::rounds(60'000);

struct Totals {
  std::uint64_t original_counters = 0;
  std::uint64_t reply_counters = 0;

  friend bool operator==(const Totals&, const Totals&) = default;
};

/// Adds up what is exported by client port, and checks every record on its way.
class Collector : public FlowSink {
 public:
  void on_flow(Flow& flow) override {
    EXPECT_LE(flow.start, flow.end);
    EXPECT_LE(flow.end, flow.event_time);
    EXPECT_EQ(flow.original_counters.octets, flow.original_counters.packets * test::kStockOctets);
    EXPECT_EQ(flow.reply_counters.octets, flow.reply_counters.packets * test::kStockOctets);
    EXPECT_GT(flow.original_counters.packets + flow.reply_counters.packets, 0U);
    Totals& sum = sums[flow.original.source_port];
    sum.original_counters += flow.original_counters.packets;
    sum.reply_counters += flow.reply_counters.packets;
    ++records;
  }
  void on_batch_end() override {}
  void on_checkpoint() override {}
  void on_source_end() override {}

  std::map<std::uint16_t, Totals> sums;
  std::uint64_t records = 0;
};

/// What else happens in the modelled kernel.
struct Trouble {
  bool timestamps = true;
  bool repeats = false;  ///< a listener, we or another one, is slow and asked for reliable delivery
  bool resets = false;   ///< another program sets counters to zero
};

class Model {
 public:
  Model(std::uint64_t seed, Trouble trouble, milliseconds active_timeout, std::size_t limit)
      : random_(seed),
        trouble_(trouble),
        config_{.max_reported_connections = limit},
        assembler_(collector_, counters_, config_, Instant{{}, kBegan}),
        events_(assembler_),
        table_(assembler_, active_timeout) {
    table_.scan_ended = [](bool) {};
    assembler_.repeats_expected = trouble.repeats;
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      now_ += 1 + pick(200);
      if (trouble_.repeats) stir_dying_list();
      if (trouble_.resets && pick(50) == 0) reset_counters();
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
    while (!existing_.empty()) end_connection();
    while (!dying_.empty()) send_again();
    read_events(queue_.size());
    assembler_.watch_counters(now());
  }

  void check() {
    if (trouble_.resets) {
      check_bounds();
    } else {
      EXPECT_EQ(collector_.sums, final_);
      EXPECT_EQ(counters_.counters_fell, 0U);
      EXPECT_EQ(counters_.ended_empty, 0U);
    }
    EXPECT_EQ(counters_.ended + counters_.entries, collector_.records + counters_.already_reported +
                                                       counters_.entries_skipped +
                                                       counters_.repeated + counters_.ended_empty);
    EXPECT_EQ(counters_.ended - counters_.repeated, ended_);
    EXPECT_EQ(counters_.repeated > 0, trouble_.repeats);
    EXPECT_EQ(counters_.malformed, 0U);
    EXPECT_EQ(vanished_, 0U) << "every end was told";
    EXPECT_EQ(assembler_.reported.size(), 0U);
    EXPECT_GT(collector_.records + counters_.ended_empty + counters_.already_reported, ended_)
        << "some lived long enough to be reported";
    if (trouble_.repeats) {
      EXPECT_LT(assembler_.ended.size(), ended_ / 3) << "ends are forgotten in time";
    }
  }

 private:
  /// Nothing is exported that was not counted, and all that was counted since the last reset is.
  void check_bounds() {
    EXPECT_GT(counters_.counters_fell, 0U);
    std::uint64_t missing = 0;
    for (const auto& [port, all] : carried_) {
      const Totals exported = collector_.sums[port];
      EXPECT_LE(exported.original_counters, all.original_counters);
      EXPECT_LE(exported.reply_counters, all.reply_counters);
      EXPECT_GE(exported.original_counters, final_[port].original_counters);
      EXPECT_GE(exported.reply_counters, final_[port].reply_counters);
      missing += all.original_counters + all.reply_counters - exported.original_counters -
                 exported.reply_counters;
    }
    EXPECT_GT(missing, 0U);
    EXPECT_LE(counters_.fallen_packets, missing);
    EXPECT_GT(counters_.fallen_packets, 0U);
  }

  std::uint64_t pick(std::uint64_t count) { return random_() % count; }
  [[nodiscard]] Instant now() const {
    return {TimePoint(std::chrono::nanoseconds(test::kStart)) + milliseconds(now_),
            kBegan + milliseconds(now_)};
  }

  void begin_connection() {
    const auto port = static_cast<std::uint16_t>(1 + pick(60));
    if (existing_.contains(port)) return;
    StockConnection connection;
    connection.port = port;
    // With timestamps the same id comes again for the same tuple, and for others.
    connection.id = trouble_.timestamps ? port % 5 : ++last_id_;
    connection.original_packets = 1;
    carried_[port].original_counters += 1;
    connection.start = trouble_.timestamps ? test::kStart + now_ * 1'000'000 : 0;
    existing_[port] = connection;
  }

  /// Packets of one connection.
  void carry() {
    if (existing_.empty()) return;
    auto one = std::next(existing_.begin(), static_cast<std::ptrdiff_t>(pick(existing_.size())));
    const std::uint64_t original_counters = pick(5);
    const std::uint64_t reply_counters = pick(5);
    one->second.original_packets += original_counters;
    one->second.reply_packets += reply_counters;
    carried_[one->first].original_counters += original_counters;
    carried_[one->first].reply_counters += reply_counters;
  }

  void reset_counters() {
    for (auto& [port, connection] : existing_) {
      connection.original_packets = connection.reply_packets = 0;
    }
  }

  void end_connection() {
    if (existing_.empty()) return;
    auto one = std::next(existing_.begin(), static_cast<std::ptrdiff_t>(pick(existing_.size())));
    const test::Octets event = test::stock_end(one->second, test::kStart + now_ * 1'000'000);
    // The slow listener may be another one: then we get it now, and again later.
    const bool delayed = trouble_.repeats && pick(3) == 0;
    if (delayed) dying_.push_front(event);
    if (!delayed || pick(2) == 0) queue_.push_back(event);
    final_[one->first].original_counters += one->second.original_packets;
    final_[one->first].reply_counters += one->second.reply_packets;
    existing_.erase(one);
    ++ended_;
  }

  /// The newest end that waits is sent to all. It stays when the slow listener still has no room.
  void send_again() {
    queue_.push_back(dying_.front());
    if (pick(3) == 0) dying_.pop_front();
  }

  /// What DyingList does, with all that may come between.
  void stir_dying_list() {
    if (!dying_.empty() && pick(10) == 0) send_again();
    if (pick(20) == 0 && !looking_) {
      looking_ = true;
      assembler_.ended.begin_look();
      look();
    } else if (pick(3) == 0 && looking_) {
      looking_ = false;
      const bool proven = pick(4) != 0;
      if (proven) read_events(queue_.size());
      assembler_.ended.end_look(proven);
    }
  }

  void look() {
    Flow flow;
    for (const test::Octets& event : dying_) {
      ASSERT_EQ(decode(std::as_bytes(std::span(event)), flow), DecodeResult::kFlow);
      const ConnectionIdentity identity(flow);
      assembler_.ended.keep(identity.end_key);
      assembler_.reported.keep(identity);
    }
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
    auto one = existing_.upper_bound(position_);
    for (; one != existing_.end() && part_.size() < kPart; ++one) {
      part_.push_back(test::table_entry(one->second));
      position_ = one->first;
    }
    at_end_ = one == existing_.end();
    table_.on_part_requested();
  }

  void read_part() {
    if (!running_) {
      table_.begin_scan(ScanReader::Purpose::kReport, completed_);
      position_ = 0;
      running_ = true;
      write_part();
      return;
    }
    for (const test::Octets& entry : part_) {
      table_.on_entry(std::as_bytes(std::span(entry)), Written{written_, written_});
    }
    if (at_end_) {
      part_.clear();
      running_ = false;
      completed_ = true;
      look();
      read_events(queue_.size());  // as DyingList does, before anyone draws conclusions
      for (std::size_t at = 0; at != ReportedMap::kSwept;) {
        at = assembler_.reported.forget_vanished(at, 16, assembler_.reported.scan(), vanished_,
                                                 [](const ReportedConnection&) {});
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
  Trouble trouble_;
  SourceConfig config_;
  Collector collector_;
  SourceCounters counters_;
  FlowAssembler assembler_;
  EventReader events_;
  ScanReader table_;
  std::map<std::uint16_t, StockConnection> existing_;
  std::map<std::uint16_t, Totals> final_;
  std::map<std::uint16_t, Totals> carried_;  ///< all packets, whatever the counters say
  std::deque<test::Octets> queue_;
  std::deque<test::Octets> dying_;  ///< the newest first
  bool looking_ = false;
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
  Model model(GetParam(), {}, active_timeout, 1000);
  model.run(kSteps);
  model.check();
}

TEST_P(Conservation, HoldsWhenOnlyAFewConnectionsCanBeRemembered) {
  Model model(GetParam(), {}, milliseconds(10'000), 10);
  model.run(kSteps);
  model.check();
}

TEST_P(Conservation, HoldsWithoutKernelTimestamps) {
  Model model(GetParam(), {.timestamps = false}, milliseconds(20'000), 1000);
  model.run(kSteps);
  model.check();
}

TEST_P(Conservation, HoldsWhenTheKernelRepeatsEvents) {
  Model model(GetParam(), {.repeats = true}, milliseconds(10'000), 1000);
  model.run(kSteps);
  model.check();
}

TEST_P(Conservation, HoldsWhenEventsWithoutTimestampsAreRepeated) {
  Model model(GetParam(), {.timestamps = false, .repeats = true}, milliseconds(10'000), 1000);
  model.run(kSteps);
  model.check();
}

TEST_P(Conservation, IsMissedOnlyByWhatSomebodyElseTookOffTheCounters) {
  Model model(GetParam(), {.repeats = true, .resets = true}, milliseconds(10'000), 1000);
  model.run(kSteps);
  model.check();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Conservation, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace ctflow
