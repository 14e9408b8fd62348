// SPDX-License-Identifier: GPL-2.0-or-later
// What runs once for every connection of the network must not allocate. A program of its
// own, because it replaces operator new for all of it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "conntrack/decode.hpp"
#include "conntrack/event_reader.hpp"
#include "conntrack/table_reader.hpp"
#include "support/event_builder.hpp"

namespace {

std::size_t g_allocations = 0;

void* allocate(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace ctflow {
namespace {

std::size_t allocations_of(const test::Octets& event, DecodeResult expected) {
  Flow flow;
  const Bytes bytes = std::as_bytes(std::span(event));
  const std::size_t before = g_allocations;
  const DecodeResult result = decode(bytes, flow);
  const std::size_t allocations = g_allocations - before;
  EXPECT_EQ(result, expected);
  return allocations;
}

TEST(DecodeAllocation, IsCountedHere) {
  const std::size_t before = g_allocations;
  delete new int(1);
  // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the replaced operator delete has freed it
  EXPECT_GT(g_allocations, before);
}

TEST(DecodeAllocation, IsNotDoneForAnEvent) {
  EXPECT_EQ(allocations_of(test::nat_tcp_event(), DecodeResult::kFlow), 0U);
}

TEST(DecodeAllocation, IsNotDoneForAnyDamagedEvent) {
  const test::Octets whole = test::nat_tcp_event();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(allocations_of(test::cut(whole, length), DecodeResult::kMalformed), 0U) << length;
  }
}

class NullSink : public FlowSink {
 public:
  void on_flow(Flow& /*flow*/) override {}
  void on_batch_end() override {}
  void on_source_end() override {}
};

TEST(ReadingAllocation, IsNotDoneForLivingAndEndedConnections) {
  NullSink sink;
  SourceCounters counters;
  Reading reading(sink, counters, SourceConfig{}, {});
  EventReader events(reading);
  TableReader table(reading, std::chrono::seconds(60));
  table.begin_pass(TableReader::Purpose::kReport, true);
  const Instant now{TimePoint(std::chrono::nanoseconds(test::kStart + 50 * test::kSecond)), {}};
  constexpr std::uint16_t kConnections = 2000;
  std::vector<test::Octets> messages;
  for (std::uint16_t port = 0; port < kConnections; ++port) {
    const test::StockConnection connection{.port = port, .forward_packets = 1};
    messages.push_back(test::table_entry(connection));
    messages.push_back(test::stock_end(connection, test::kStart + 60 * test::kSecond));
  }
  const std::size_t before = g_allocations;
  for (std::size_t i = 0; i < messages.size(); i += 2) {
    table.on_entry(std::as_bytes(std::span(messages[i])), now);
  }
  for (std::size_t i = 1; i < messages.size(); i += 2) {
    events.on_datagram(std::as_bytes(std::span(messages[i])), now);
  }
  const std::size_t allocations = g_allocations - before;
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(counters.already_reported, kConnections);
}

}  // namespace
}  // namespace ctflow
