// SPDX-License-Identifier: GPL-2.0-or-later
// Cost per connection of its interfaces, and per change of a route, with the Internet's tables.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "default_free_table.hpp"
#include "enrich/routed_interfaces.hpp"
#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

std::string written(const IpAddress& address, bool six) {
  std::string text;
  for (std::size_t i = 0; i < (six ? 8U : 4U); ++i) {
    if (six) {
      text += fmt::format("{}{:x}", i == 0 ? "" : ":",
                          address.octets[2 * i] << 8 | address.octets[2 * i + 1]);
    } else {
      text += fmt::format("{}{}", i == 0 ? "" : ".", address.octets[i]);
    }
  }
  return text;
}

/// Routes over a few dozen neighbours at eight interfaces, as a border router has them.
test::Octets message_of(const bench::Prefix& prefix, bool six, unsigned choice,
                        bool removed = false) {
  const std::uint32_t interface = 2 + choice % 8;
  const std::string gateway =
      six ? fmt::format("fe80::{:x}", choice % 40 + 1) : fmt::format("192.0.2.{}", choice % 40 + 1);
  return test::route_message(
      fmt::format("{}/{}", written(prefix.address, six), prefix.length), {{interface, gateway}},
      {.metric = six ? 1024U : 20U, .flags = NLM_F_REPLACE, .removed = removed});
}

struct Internet {
  RoutingState state;
  std::vector<bench::Prefix> prefixes4;
  std::vector<bench::Prefix> prefixes6;
  std::vector<IpAddress> addresses4;
  std::vector<IpAddress> addresses6;
};

Internet& internet() {
  static Internet& filled = *[] {
    auto* made = new Internet;
    bench::DefaultFreeTable table;
    made->prefixes4 = table.ipv4();
    made->prefixes6 = table.ipv6();
    made->addresses4 = table.addresses(made->prefixes4, 1U << 18, 4);
    // Where these are is not said by routes.
    std::erase_if(made->addresses4, [](const IpAddress& one) {
      return one.octets[0] == 127 || (one.octets[0] == 169 && one.octets[1] == 254);
    });
    made->addresses6 = table.addresses(made->prefixes6, 1U << 18, 16);
    made->state.apply(test::bytes_of(test::link_message(1, "lo", {.loopback = true})));
    for (std::uint32_t i = 2; i < 12; ++i) {
      made->state.apply(test::bytes_of(test::link_message(i, fmt::format("eth{}", i))));
    }
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      made->state.apply(test::bytes_of(test::rule_message(0, RT_TABLE_LOCAL, {.family = family})));
      made->state.apply(
          test::bytes_of(test::rule_message(32766, RT_TABLE_MAIN, {.family = family})));
    }
    made->state.apply(test::bytes_of(test::route_message(
        "127.0.0.0/8", {{1, ""}}, {.table = RT_TABLE_LOCAL, .type = RTN_LOCAL})));
    unsigned choice = 0;
    for (const auto& prefix : made->prefixes4) {
      made->state.apply(test::bytes_of(message_of(prefix, false, choice++)));
    }
    for (const auto& prefix : made->prefixes6) {
      made->state.apply(test::bytes_of(message_of(prefix, true, choice++)));
    }
    return made;
  }();
  return filled;
}

void enrich_flows(benchmark::State& state, bool six) {
  Internet& all = internet();
  InterfaceCounters counters;
  RoutedInterfaces enricher([&all]() -> const RoutingState& { return all.state; }, {}, counters);
  const auto& addresses = six ? all.addresses6 : all.addresses4;
  Flow flow;
  flow.original.family = flow.reply.family = six ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
  std::size_t next = 0;
  for (auto _ : state) {
    flow.original.source = addresses[next];
    flow.reply.source = addresses[(next + 12345) % addresses.size()];
    enricher.enrich(flow);
    benchmark::DoNotOptimize(flow);
    next = (next + 1) % addresses.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["routes"] = static_cast<double>(all.state.routes());
  state.counters["MB"] = static_cast<double>(all.state.memory()) / 1e6;
  if (counters.unknown > 0) state.SkipWithError("an interface was not found");
}
void enrich_interfaces_ipv4(benchmark::State& state) { enrich_flows(state, false); }
BENCHMARK(enrich_interfaces_ipv4);
void enrich_interfaces_ipv6(benchmark::State& state) { enrich_flows(state, true); }
BENCHMARK(enrich_interfaces_ipv6);

/// A message that withdraws a route and one that announces it again: two changes.
void apply_route_changes(benchmark::State& state) {
  Internet& all = internet();
  constexpr std::size_t kMessages = 4096;
  std::vector<test::Octets> messages;
  for (std::size_t i = 0; i < kMessages; ++i) {
    const auto choice = static_cast<unsigned>(i * 211);
    messages.push_back(message_of(all.prefixes4[choice], false, choice, true));
    messages.push_back(message_of(all.prefixes4[choice], false, choice));
  }
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(all.state.apply(test::bytes_of(messages[next])));
    next = (next + 1) % messages.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(apply_route_changes);

}  // namespace
}  // namespace ctflow
