// SPDX-License-Identifier: GPL-2.0-or-later
// Truth rule 1 through the records of eBPF programs: connections that are measured and others that
// are not, reports and ends read late, scans whose entries have conntrack's counters only, tuples
// used again, the wall clock set at any time.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "conntrack/events/event_reader.hpp"
#include "conntrack/table/scan_reader.hpp"
#include "extras/from_bpf/from_records.hpp"
#include "support/fake_programs.hpp"
#include "support/fakes.hpp"
#include "support/rounds.hpp"

namespace ctflow {
namespace {

using test::MeasuredConnection;
using test::StockConnection;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint16_t kPorts = 40;  // few, so that successors have the tuple of others

struct Totals {
  std::uint64_t original_counters = 0;
  std::uint64_t reply_counters = 0;

  friend bool operator==(const Totals&, const Totals&) = default;
};

class Sums : public FlowSink {
 public:
  void on_flow(Flow& flow) override {
    EXPECT_LE(flow.start, flow.end);
    EXPECT_LE(flow.end, flow.event_time);
    EXPECT_NE(flow.id, 0U);
    by_port[flow.original.source_port].original_counters += flow.original_counters.packets;
    by_port[flow.original.source_port].reply_counters += flow.reply_counters.packets;
    ++reports;
  }
  void on_batch_end() override {}
  void on_checkpoint() override {}
  void on_source_end() override {}

  std::map<std::uint16_t, Totals> by_port;
  std::uint64_t reports = 0;
};

class RecordsModel {
 public:
  RecordsModel(std::uint64_t seed, bool wire)
      : random_(seed),
        wire_(wire),
        config_{.wire_counters = wire},
        assembler_(sums_, counters_, config_, test::instant(0)) {
    assembler_.extras = &extras_;
    assembler_.derives_ids = true;
    assembler_.clock_steps = &steps_;
    assembler_.watch_clock();
    table_.scan_ended = [](bool) {};
    table_.dumps_lack_extras(true);
    table_.kernel_reports(true);
    table_.begin_scan(ScanReader::Purpose::kReport, true);
    begin();
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      now_ += (1 + pick(400)) * kMillisecond;
      switch (pick(9)) {
        case 0:
        case 1:
          begin();
          break;
        case 2:
          end();
          break;
        case 3:
          send(CTFLOW_REPORTED);
          break;
        case 4:
          read(pick(5));
          break;
        case 5:
          scan();
          break;
        case 6:
          if (pick(100) == 0)
            set_by_ += std::chrono::seconds(pick(4000)) - std::chrono::seconds(2000);
          break;
        default:
          carry();
      }
    }
    while (!living_.empty()) end();
    read(queue_.size());
  }

  void check() {
    EXPECT_EQ(sums_.by_port, final_);
    EXPECT_EQ(counters_.counters_fell, 0U);
    EXPECT_EQ(counters_.ended + counters_.reports + counters_.entries,
              sums_.reports + counters_.already_reported + counters_.reports_skipped +
                  counters_.entries_skipped + counters_.ended_empty);
    EXPECT_GT(counters_.reports, 0U);
    EXPECT_GT(counters_.entries, 0U);
    EXPECT_GT(unmeasured_, 0);
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] Instant now() const { return test::instant(now_, set_by_); }

  void begin() {
    MeasuredConnection one;
    one.port = static_cast<std::uint16_t>(1000 + pick(kPorts));
    for (const MeasuredConnection& other : living_) {
      if (other.port == one.port) return;  // the tuple is taken
    }
    // The first connections were there before us: these are not measured.
    one.measured = now_ > 2 * test::kSecond;
    if (!one.measured) ++unmeasured_;
    const auto stamp = now().wall.time_since_epoch().count();
    one.start = one.measured
                    ? static_cast<std::uint64_t>(stamp)
                    : test::kStart - static_cast<std::uint64_t>(unmeasured_) * kMillisecond;
    one.original_counters = 2;
    one.reply_counters = 2;
    one.first = one.last = now_;
    living_.push_back(one);
  }

  void carry() {
    if (living_.empty()) return;
    MeasuredConnection& one = living_[pick(living_.size())];
    one.original_counters += pick(5);
    one.reply_counters += pick(3);
    one.last = now_;
  }

  void send(ctflow_event event) {
    if (living_.empty()) return;
    const MeasuredConnection& one = living_[pick(living_.size())];
    if (one.measured) queue_.push_back(test::record(event, one, now_));
  }

  void end() {
    if (living_.empty()) return;
    const std::size_t index = pick(living_.size());
    const MeasuredConnection one = living_[index];
    living_.erase(living_.begin() + static_cast<std::ptrdiff_t>(index));
    queue_.push_back(test::record(CTFLOW_ENDED, one, now_));
    const std::uint64_t less = one.measured && wire_ ? 0 : 1;
    final_[one.port].original_counters += one.original_counters - less;
    final_[one.port].reply_counters += one.reply_counters - less;
  }

  void read(std::size_t count) {
    for (; count > 0 && !queue_.empty(); --count) {
      reader_.on_record(queue_.front(), now());
      queue_.pop_front();
    }
  }

  /// What the table has now; all that was sent before is read first, as after look().
  void scan() {
    table_.begin_scan(ScanReader::Purpose::kReport, true);
    table_.on_part_requested();
    for (const MeasuredConnection& one : living_) {
      const StockConnection entry{.port = one.port,
                                  .id = one.port + 7U,
                                  .original_packets = one.original_counters - 1,
                                  .reply_packets = one.reply_counters - 1,
                                  .start = one.start};
      const test::Octets octets = test::table_entry(entry);
      table_.on_entry(std::as_bytes(std::span(octets)), Written{now(), now()});
    }
    table_.on_dump_end(true);
  }

  std::mt19937_64 random_;
  bool wire_;
  std::uint64_t now_ = 0;
  std::chrono::nanoseconds set_by_{};
  ClockSteps steps_{[this] {
    return ClockSteps::Reading{now().wall, now().steady.time_since_epoch()};
  }};
  Sums sums_;
  SourceCounters counters_;
  SourceConfig config_;
  FromRecords extras_{config_, [] { return true; }};
  FlowAssembler assembler_;
  EventReader reader_{assembler_};
  ScanReader table_{assembler_, std::chrono::seconds(60)};
  std::vector<MeasuredConnection> living_;
  std::deque<ctflow_record> queue_;
  std::map<std::uint16_t, Totals> final_;
  int unmeasured_ = 0;
};

void check_seeds(bool wire) {
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(test::rounds(40)); ++seed) {
    SCOPED_TRACE(seed);
    RecordsModel model(seed, wire);
    model.run(3000);
    model.check();
  }
}

TEST(RecordsConservation, EveryPacketOfTheWireIsExportedOnce) { check_seeds(true); }

TEST(RecordsConservation, EveryPacketThatConntrackCountedIsExportedOnce) { check_seeds(false); }

}  // namespace
}  // namespace ctflow
