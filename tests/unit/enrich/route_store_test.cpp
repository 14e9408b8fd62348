// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/route_store.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ctflow {
namespace {

RouteMessage message(std::uint32_t table, unsigned prefix, std::uint32_t metric,
                     std::uint32_t interface) {
  RouteMessage made;
  made.family = AddressFamily::kIpv4;
  made.table = table;
  made.destination = {PrefixKey{std::uint64_t{prefix} << 48, 0}, 16};
  made.route.metric = metric;
  made.route.type = 1;
  made.route.hops.push_back({{}, AddressFamily::kNone, interface});
  made.appends = true;
  return made;
}

TEST(RouteStore, HoldsWhatWasAddedAndNotRemovedThroughManyChanges) {
  std::mt19937 random(3);
  const auto number = [&random](unsigned bound) {
    return std::uniform_int_distribution<unsigned>(0, bound)(random);
  };
  RouteStore store(AddressFamily::kIpv4);
  // By table, prefix and metric: the interfaces in order.
  std::map<std::tuple<unsigned, unsigned, unsigned>, std::vector<unsigned>> expected;
  std::size_t size = 0;
  for (int step = 0; step < 20'000; ++step) {
    const unsigned table = number(2);
    const unsigned prefix = number(30);
    const unsigned metric = number(2);
    const unsigned interface = 1 + number(3);
    std::vector<unsigned>& known = expected[{table, prefix, metric}];
    const auto place = std::find(known.begin(), known.end(), interface);
    const RouteMessage made = message(table, prefix, metric, interface);
    if (number(1) == 0) {
      store.add(made);
      if (place == known.end()) {
        known.push_back(interface);
        ++size;
      }
    } else {
      ASSERT_EQ(store.remove(made), place != known.end());
      if (place != known.end()) {
        known.erase(place);
        --size;
      }
    }
    ASSERT_EQ(store.size(), size);
    std::vector<unsigned> found;
    const auto collect = [&](const RouteStore::Routes& routes) {
      for (std::size_t i = 0; i < routes.size(); ++i) {
        found.push_back(routes[i].hops.at(0).interface);
      }
      return true;
    };
    const PrefixKey address{std::uint64_t{prefix} << 48 | 0x0000'1234'0000'0000, 0};
    const bool match = store.longest(table, address, collect).found;
    std::vector<unsigned> all;
    for (unsigned each = 0; each <= 2; ++each) {
      const std::vector<unsigned>& part = expected[{table, prefix, each}];
      all.insert(all.end(), part.begin(), part.end());
    }
    ASSERT_EQ(match, !all.empty());
    ASSERT_EQ(found, all);
  }
}

TEST(RouteStore, ForgetsATableWithItsLastRoute) {
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 0, 1));
  EXPECT_EQ(store.tables(), 1U);
  EXPECT_GT(store.memory(), 0U);
  store.remove(message(7, 1, 0, 1));
  EXPECT_EQ(store.tables(), 0U);
  EXPECT_FALSE(store.remove(message(7, 1, 0, 1)));
}

TEST(RouteStore, TakesAShorterPrefixWhenTheRoutesOfALongerOneAreRefused) {
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 0, 1));
  RouteMessage shorter = message(7, 0, 0, 2);
  shorter.destination = {{}, 0};
  store.add(shorter);
  const auto other_than_one = [](const RouteStore::Routes& routes) {
    return routes[0].hops[0].interface != 1;
  };
  const auto match = store.longest(7, {std::uint64_t{1} << 48, 0}, other_than_one);
  EXPECT_TRUE(match.found);
  EXPECT_EQ(match.length, 0);
}

}  // namespace
}  // namespace ctflow
