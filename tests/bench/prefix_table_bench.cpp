// SPDX-License-Identifier: GPL-2.0-or-later
// Longest prefix match with the Internet's tables: look-ups a second, changes a second, memory.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <vector>

#include "default_free_table.hpp"
#include "enrich/routing/prefix_table.hpp"

namespace ctflow {
namespace {

struct Family {
  std::vector<bench::Prefix> prefixes;
  std::vector<IpAddress> addresses;
  PrefixTable table;
};

Family fill(std::vector<bench::Prefix> prefixes, std::size_t octets,
            bench::DefaultFreeTable& made) {
  Family family{std::move(prefixes), {}, {}};
  family.addresses = made.addresses(family.prefixes, 1U << 20, octets);
  for (std::uint32_t i = 0; i < family.prefixes.size(); ++i) {
    const bench::Prefix& prefix = family.prefixes[i];
    family.table.insert(PrefixKey::of(prefix.address), prefix.length, i);
  }
  return family;
}

Family& family(bool six) {
  static bench::DefaultFreeTable made;
  static Family four = fill(made.ipv4(), 4, made);
  static Family other = fill(made.ipv6(), 16, made);
  return six ? other : four;
}

void tell_memory(benchmark::State& state, const Family& chosen) {
  state.counters["prefixes"] = static_cast<double>(chosen.table.size());
  state.counters["MB"] = static_cast<double>(chosen.table.memory()) / 1e6;
}

void prefix_lookup(benchmark::State& state, bool six) {
  const Family& chosen = family(six);
  std::size_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    found += chosen.table.longest(PrefixKey::of(chosen.addresses[next])).found ? 1U : 0U;
    next = (next + 1) % chosen.addresses.size();
  }
  if (found != static_cast<std::size_t>(state.iterations()))
    state.SkipWithError("an address was not found");
  state.SetItemsProcessed(state.iterations());
  tell_memory(state, chosen);
}
void prefix_lookup_ipv4(benchmark::State& state) { prefix_lookup(state, false); }
BENCHMARK(prefix_lookup_ipv4);
void prefix_lookup_ipv6(benchmark::State& state) { prefix_lookup(state, true); }
BENCHMARK(prefix_lookup_ipv6);

/// Both tables in turn, as in flows of both families.
void prefix_lookup_mixed(benchmark::State& state) {
  const Family& four = family(false);
  const Family& six = family(true);
  std::size_t next = 0;
  for (auto _ : state) {
    const Family& chosen = next % 2 == 0 ? four : six;
    benchmark::DoNotOptimize(chosen.table.longest(PrefixKey::of(chosen.addresses[next])));
    next = (next + 1) % four.addresses.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prefix_lookup_mixed);

/// So many at once: both ends of a flow are two. The families in turn.
template <std::size_t kBatch>
void prefix_lookup_batch(benchmark::State& state) {
  const Family& four = family(false);
  const Family& six = family(true);
  std::size_t next = 0;
  for (auto _ : state) {
    const Family& chosen = next / kBatch % 2 == 0 ? four : six;
    std::array<PrefixKey, kBatch> keys;
    for (std::size_t i = 0; i < kBatch; ++i) keys[i] = PrefixKey::of(chosen.addresses[next + i]);
    for (const auto& key : keys) chosen.table.prefetch(key);
    for (const auto& key : keys) chosen.table.prefetch_next(key);
    for (const auto& key : keys) benchmark::DoNotOptimize(chosen.table.longest(key));
    next = (next + kBatch) % four.addresses.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(kBatch) * state.iterations());
}
BENCHMARK(prefix_lookup_batch<2>);
BENCHMARK(prefix_lookup_batch<8>);

/// What the rate is measured against: the same question to a sorted vector, per length.
void prefix_lookup_sorted_vectors(benchmark::State& state) {
  const Family& chosen = family(false);
  std::array<std::vector<std::uint32_t>, 33> by_length;
  const auto number = [](const IpAddress& address) {
    return static_cast<std::uint32_t>(PrefixKey::of(address).high >> 32);
  };
  for (const bench::Prefix& prefix : chosen.prefixes) {
    by_length[prefix.length].push_back(number(prefix.address));
  }
  for (auto& list : by_length) std::sort(list.begin(), list.end());
  std::size_t next = 0;
  for (auto _ : state) {
    const std::uint32_t address = number(chosen.addresses[next]);
    unsigned length = 32;
    while (length > 0 && !std::binary_search(by_length[length].begin(), by_length[length].end(),
                                             address & ~std::uint32_t{0} << (32 - length))) {
      --length;
    }
    benchmark::DoNotOptimize(length);
    next = (next + 1) % chosen.addresses.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prefix_lookup_sorted_vectors);

/// A route withdrawn and announced again, in the full table: two changes.
void prefix_change(benchmark::State& state, bool six) {
  Family& chosen = family(six);
  std::size_t next = 0;
  for (auto _ : state) {
    const bench::Prefix& prefix = chosen.prefixes[next];
    const PrefixKey key = PrefixKey::of(prefix.address);
    chosen.table.erase(key, prefix.length);
    chosen.table.insert(key, prefix.length, static_cast<std::uint32_t>(next));
    next = (next + 7919) % chosen.prefixes.size();
  }
  state.SetItemsProcessed(2 * state.iterations());
  tell_memory(state, chosen);
}
void prefix_change_ipv4(benchmark::State& state) { prefix_change(state, false); }
BENCHMARK(prefix_change_ipv4);
void prefix_change_ipv6(benchmark::State& state) { prefix_change(state, true); }
BENCHMARK(prefix_change_ipv6);

}  // namespace
}  // namespace ctflow
