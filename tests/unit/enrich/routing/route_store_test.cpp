// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/route_store.hpp"

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
    const bool match = store.longest(table, address, kNow, collect).found;
    std::vector<unsigned> all;
    for (unsigned each = 0; each <= 2; ++each) {
      const std::vector<unsigned>& part = expected[{table, prefix, each}];
      all.insert(all.end(), part.begin(), part.end());
    }
    ASSERT_EQ(match, !all.empty());
    ASSERT_EQ(found, all);
  }
}

TEST(RouteStore, KnowsItsLargeTableUntilThatIsGone) {
  constexpr unsigned kPrefixes = 20'000;
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 1, 1));
  EXPECT_EQ(store.large_table(), nullptr);
  for (unsigned prefix = 0; prefix < kPrefixes; ++prefix) store.add(message(254, prefix, 1, 1));
  ASSERT_NE(store.large_table(), nullptr);
  EXPECT_EQ(store.large_table()->size(), kPrefixes);
  for (unsigned prefix = 0; prefix < kPrefixes; ++prefix) store.remove(message(254, prefix, 1, 1));
  EXPECT_EQ(store.tables(), 1U);
  EXPECT_EQ(store.large_table(), nullptr);
  for (unsigned prefix = 0; prefix < kPrefixes; ++prefix) store.add(message(9, prefix, 1, 1));
  ASSERT_NE(store.large_table(), nullptr);
  EXPECT_EQ(store.large_table()->size(), kPrefixes);
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
  const auto match = store.longest(7, {std::uint64_t{1} << 48, 0}, kNow, other_than_one);
  EXPECT_TRUE(match.found);
  EXPECT_EQ(match.length, 0);
}

std::vector<std::uint32_t> interfaces(const RouteStore& store, unsigned prefix, RoutingTime time) {
  std::vector<std::uint32_t> found;
  [[maybe_unused]] const auto match =
      store.longest(7, {std::uint64_t{prefix} << 48, 0}, time, [&](const RouteStore::Routes& all) {
        for (std::size_t i = 0; i < all.size(); ++i) {
          if (!all.is_dead(i)) found.push_back(all[i].hops.at(0).interface);
        }
        return !found.empty();
      });
  return found;
}
using Found = std::vector<std::uint32_t>;

TEST(RouteStore, KnowsTheRoutesOfEarlier) {
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 0, 1));
  store.add(message(7, 1, 0, 2), 100);
  store.add(message(7, 1, 0, 2), 150);  // is there already
  store.remove(message(7, 1, 0, 1), 200);
  store.remove(message(7, 1, 0, 2), 300);
  EXPECT_EQ(interfaces(store, 1, 99), Found{1});
  EXPECT_EQ(interfaces(store, 1, 100), (Found{1, 2}));
  EXPECT_EQ(interfaces(store, 1, 200), Found{2});
  EXPECT_EQ(interfaces(store, 1, 300), Found{});
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.tables(), 1U) << "it is remembered";
  store.add(message(7, 2, 0, 1), 300 + kRemembered);
  store.remove(message(7, 2, 0, 1), 300 + 2 * kRemembered);
  store.add(message(8, 2, 0, 1), 300 + 4 * kRemembered);
  EXPECT_EQ(store.tables(), 1U);
  EXPECT_EQ(store.forgotten(), 0U);
  const PrefixKey address{std::uint64_t{1} << 48, 0};
  EXPECT_TRUE(store.forgot(7, address, 0, 299)) << "later than its memory, and it was changed";
  EXPECT_FALSE(store.forgot(7, address, 0, 300));
  EXPECT_FALSE(store.forgot(7, {std::uint64_t{5} << 48, 0}, 16, 299)) << "another prefix";
}

TEST(RouteStore, TakesWhatTheKernelDroppedInSilenceForGoneUntilItIsAddedAnew) {
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 0, 1));
  store.add(message(7, 2, 0, 1));
  store.add(message(7, 2, 5, 2));
  const auto through_one = [](const Route& route) { return route.hops.at(0).interface == 1; };
  EXPECT_TRUE(store.bury(through_one, 100));
  EXPECT_FALSE(store.bury(through_one, 101));
  EXPECT_EQ(interfaces(store, 1, 99), Found{1});
  EXPECT_EQ(interfaces(store, 1, 100), Found{});
  EXPECT_EQ(interfaces(store, 2, kNow), Found{2});
  store.add(message(7, 2, 0, 1), 200);
  EXPECT_EQ(interfaces(store, 2, 199), Found{2});
  EXPECT_EQ(interfaces(store, 2, 200), (Found{1, 2}));
  EXPECT_EQ(interfaces(store, 1, 200), Found{});
  EXPECT_TRUE(store.remove(message(7, 1, 0, 1), 300)) << "announced after all";
}

TEST(RouteStore, ForgetsTheOldestChangesOfOnePrefixAndSaysSo) {
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 0, 1));
  store.add(message(7, 3, 0, 9));
  constexpr RoutingTime kTimes = 1000;
  for (RoutingTime i = 1; i <= kTimes; ++i) {
    store.add(message(7, 1, 0, 2), 2 * i);
    store.remove(message(7, 1, 0, 2), 2 * i + 1);
  }
  EXPECT_EQ(interfaces(store, 1, 2 * kTimes), (Found{1, 2}));
  EXPECT_EQ(store.forgotten(),
            static_cast<std::uint64_t>(2 * kTimes) - RouteStore::kChangesOfOnePrefix);
  const PrefixKey address{std::uint64_t{1} << 48, 0};
  EXPECT_TRUE(store.forgot(7, address, 16, 10));
  EXPECT_FALSE(store.forgot(7, address, 16, 2 * kTimes));
  EXPECT_FALSE(store.forgot(7, {std::uint64_t{3} << 48, 0}, 16, 10)) << "that did not change";
}

TEST(RouteStore, BoundsItsMemory) {
  RouteStore store(AddressFamily::kIpv4);
  constexpr unsigned kMore = 1000;
  RoutingTime time = 0;
  for (unsigned i = 0; i < RouteStore::kChanges + kMore; ++i) {
    store.add(message(7, i % 50'000, i / 50'000, 1 + i / 50'000), ++time);
  }
  EXPECT_EQ(store.forgotten(), kMore);
  EXPECT_TRUE(store.forgot(7, {0, 0}, 16, 0));
}

TEST(RouteStore, TakesOverWhatAnOlderOneRemembers) {
  RouteStore older(AddressFamily::kIpv4);
  older.add(message(7, 1, 0, 1));
  older.add(message(7, 1, 0, 2), 100);
  older.add(message(7, 2, 0, 1));
  older.add(message(7, 3, 0, 3));
  older.add(message(7, 4, 0, 4));
  older.bury([](const Route& route) { return route.hops.at(0).interface == 4; }, 150);
  RouteStore store(AddressFamily::kIpv4);
  store.add(message(7, 1, 0, 1));
  store.add(message(7, 1, 0, 2));
  store.add(message(7, 2, 0, 1));
  store.add(message(7, 5, 0, 5));
  store.inherit(older, 200);
  EXPECT_EQ(store.size(), 4U);
  EXPECT_EQ(interfaces(store, 1, 99), Found{1});
  EXPECT_EQ(interfaces(store, 1, kNow), (Found{1, 2}));
  EXPECT_EQ(interfaces(store, 2, 99), Found{1});
  EXPECT_EQ(interfaces(store, 3, 199), Found{3}) << "missing in the newer";
  EXPECT_EQ(interfaces(store, 3, 200), Found{});
  EXPECT_EQ(interfaces(store, 4, 149), Found{4});
  EXPECT_EQ(interfaces(store, 4, 150), Found{}) << "dead before it was found missing";
  EXPECT_EQ(interfaces(store, 5, 99), Found{5});
  store.remove(message(7, 1, 0, 1), 300);
  EXPECT_EQ(interfaces(store, 1, kNow), Found{2});
  EXPECT_EQ(interfaces(store, 1, 299), (Found{1, 2}));
}

TEST(RouteStore, BoundsItsMemoryAlsoWhenItTakesOverMore) {
  RouteStore older(AddressFamily::kIpv4);
  RouteStore store(AddressFamily::kIpv4);
  constexpr unsigned kMissing = 1000;
  RoutingTime time = 0;
  for (unsigned i = 0; i < RouteStore::kChanges; ++i) {
    older.add(message(7, i % 50'000, i / 50'000, 1 + i / 50'000), ++time);
  }
  for (unsigned i = kMissing; i < RouteStore::kChanges; ++i) {
    store.add(message(7, i % 50'000, i / 50'000, 1 + i / 50'000));
  }
  EXPECT_EQ(older.forgotten(), 0U);
  store.inherit(older, ++time);  // the missing ones are changes, too
  EXPECT_EQ(store.forgotten(), kMissing);
}

}  // namespace
}  // namespace ctflow
