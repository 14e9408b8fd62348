// SPDX-License-Identifier: GPL-2.0-or-later
// Events and table entries to flows, with the memory of what was reported: without allocation.
#include <gtest/gtest.h>

#include <vector>

#include "allocations.hpp"
#include "conntrack/events/event_reader.hpp"
#include "conntrack/table/scan_reader.hpp"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

class NullSink : public FlowSink {
 public:
  void on_flow(Flow& /*flow*/) override {}
  void on_batch_end() override {}
  void on_checkpoint() override {}
  void on_source_end() override {}
};

TEST(ReadingAllocation, IsNotDoneForLivingAndEndedConnections) {
  NullSink sink;
  SourceCounters counters;
  FlowAssembler reading(sink, counters, SourceConfig{}, {});
  EventReader events(reading);
  ScanReader table(reading, std::chrono::seconds(60));
  table.begin_scan(ScanReader::Purpose::kReport, true);
  const Instant now{TimePoint(std::chrono::nanoseconds(test::kStart + 50 * test::kSecond)), {}};
  constexpr std::uint16_t kConnections = 2000;
  std::vector<test::Octets> messages;
  for (std::uint16_t port = 0; port < kConnections; ++port) {
    const test::StockConnection connection{.port = port, .original_packets = 1};
    messages.push_back(test::table_entry(connection));
    messages.push_back(test::stock_end(connection, test::kStart + 60 * test::kSecond));
  }
  const std::size_t before = test::allocations();
  for (std::size_t i = 0; i < messages.size(); i += 2) {
    table.on_entry(std::as_bytes(std::span(messages[i])), Written{now, now});
  }
  for (std::size_t i = 1; i < messages.size(); i += 2) {
    events.on_datagram(std::as_bytes(std::span(messages[i])), now);
  }
  const std::size_t allocations = test::allocations() - before;
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(counters.already_reported, kConnections);
}

}  // namespace
}  // namespace ctflow
