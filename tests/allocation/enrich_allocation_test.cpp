// SPDX-License-Identifier: GPL-2.0-or-later
// Routes, neighbours, databases and names of users are asked for every connection: that must not
// allocate.
#include <gtest/gtest.h>

#include "allocations.hpp"
#include "enrich/mac_addresses.hpp"
#include "enrich/named_users.hpp"
#include "enrich/network_origins.hpp"
#include "enrich/routed_interfaces.hpp"
#include "enrich/routing/block_pool.hpp"
#include "support/routing_messages.hpp"
#include "support/source_directory.hpp"
#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

using test::bytes_of;

/// Everything that a look-up can meet: VRFs, rules by ingress, several routes, nexthop objects.
void fill(RoutingState& state) {
  state.apply(bytes_of(test::link_message(1, "lo", {.loopback = true})));
  state.apply(bytes_of(test::link_message(2, "lan")));
  state.apply(bytes_of(test::link_message(3, "wan")));
  state.apply(bytes_of(test::link_message(4, "red", {.vrf_table = 1000})));
  state.apply(bytes_of(test::link_message(5, "red-lan", {.master = 4})));
  state.apply(bytes_of(
      test::rule_message(1, 100, {.more = test::attribute(FRA_IIFNAME, test::text("lan"))})));
  state.apply(bytes_of(test::rule_message(2, 0, {.more = test::attribute(FRA_L3MDEV, {1})})));
  state.apply(bytes_of(test::rule_message(3, RT_TABLE_MAIN)));
  state.apply(bytes_of(test::nexthop_message(1, {3, "192.0.2.1"})));
  state.apply(bytes_of(test::nexthop_message(2, {}, {.group = {1}})));
  state.apply(bytes_of(test::route_message("0.0.0.0/0", {}, {.nexthop_id = 2})));
  state.apply(bytes_of(test::route_message("0.0.0.0/0", {{2, ""}}, {.metric = 5})));
  state.apply(bytes_of(test::route_message("10.0.0.0/8", {{2, ""}, {3, ""}})));
  state.apply(bytes_of(test::route_message("10.1.0.0/16", {{5, ""}}, {.table = 1000})));
}

TEST(EnrichAllocation, IsNotDoneForAnyFlow) {
  RoutingState state;
  fill(state);
  InterfacesConfig config;
  config.by_zone = {{9, "red", 0, 0}};
  InterfaceCounters counters;
  RoutedInterfaces enricher([&state]() -> const RoutingState& { return state; }, config, counters);
  const std::size_t before = test::allocations();
  for (std::uint8_t last = 0; last < 255; ++last) {
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original.source.octets = {10, 1, 0, last};
    flow.reply.source.octets = {10, last, 3, 4};
    flow.mark = last;
    flow.original.zone = last % 10;
    enricher.enrich(flow);
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(counters.from_routes + counters.unknown, 2U * 255);
  EXPECT_GT(counters.from_routes, 0U);
  EXPECT_GT(counters.unknown, 0U);
}

TEST(EnrichAllocation, IsNotDoneByLookUpsOfNeighbours) {
  Neighbours neighbours;
  for (std::uint8_t last = 0; last < 100; ++last) {
    IpAddress address;
    address.octets = {10, 0, 0, last};
    neighbours.apply({AddressFamily::kIpv4, address, 2, 0x02005e005300U + last}, TimePoint());
  }
  MacAddresses enricher([&neighbours]() -> const Neighbours& { return neighbours; });
  const std::size_t before = test::allocations();
  std::size_t known = 0;
  for (std::uint8_t last = 0; last < 255; ++last) {
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original.source.octets = {10, 0, 0, last};
    flow.reply.source.octets = {198, 51, 100, last};
    flow.original_interfaces = {last % 3U, 0};
    flow.reply_interfaces = {0, 2};
    enricher.enrich(flow);
    if (flow.initiator_mac != 0) ++known;
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(known, 100U);
}

TEST(EnrichAllocation, IsNotDoneByNamesOfUsers) {
  const test::TemporaryFile file("10.0.0.0/25 a name that is no short string\nmark=7 by-mark\n");
  boost::asio::io_context io;
  NamedUsers enricher(std::make_shared<const OriginDatabases>(
      io, std::vector<DatabaseChoice>{{"user_names", file.name(), DatabaseContent::kUserName}}));
  const std::size_t before = test::allocations();
  std::size_t named = 0;
  for (std::uint8_t last = 0; last < 255; ++last) {
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original.source.octets = {10, 0, 0, last};
    flow.reply.source.octets = {198, 51, 100, last};
    flow.initiator_mac = last;
    flow.mark = last / 20U;
    enricher.enrich(flow);
    if (!flow.user.empty()) ++named;
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(named, 128U + 20U) << "the mark 7 is that of 140 to 159, which are in no network";
}

TEST(BlockPool, ChangesNothingWhereThereIsNoMemory) {
  constexpr std::uint32_t kCount = 9;  // one element less or two more need another block
  BlockPool<std::uint32_t, 126> pool;
  std::uint32_t block = pool.allocate(kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) *pool.at(block + i) = i;
  bool thrown = false;
  {
    const test::NoMemory none;
    try {
      block = pool.erase(block, kCount, 3);
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
  }
  ASSERT_TRUE(thrown);
  for (std::uint32_t i = 0; i < kCount; ++i) EXPECT_EQ(*pool.at(block + i), i);
  block = pool.erase(block, kCount, 3);
  for (std::uint32_t i = 0; i < kCount - 1; ++i) EXPECT_EQ(*pool.at(block + i), i < 3 ? i : i + 1);
}

#ifdef CTFLOWD_MAXMIND
TEST(EnrichAllocation, IsNotDoneByLookUpsInADatabase) {
  boost::asio::io_context io;
  NetworkOrigins enricher(std::make_shared<const OriginDatabases>(
      io, std::vector<DatabaseChoice>{{"as_database",
                                       test::source_directory() + "/tests/data/mmdb/as.mmdb",
                                       DatabaseContent::kAsNumber}}));
  const std::size_t before = test::allocations();
  std::uint64_t sum = 0;
  for (std::uint8_t last = 0; last < 255; ++last) {
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original.source.octets = {198, 51, 100, last};
    flow.original.destination.octets = {10, 0, 0, last};
    enricher.enrich(flow);
    sum += flow.initiator_origin.as_number + flow.responder_origin.as_number;
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(sum, 128 * 64497ULL + 127 * 4'200'000'001ULL);
}
#endif

}  // namespace
}  // namespace ctflow
