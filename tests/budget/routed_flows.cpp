// SPDX-License-Identifier: GPL-2.0-or-later
// Asks for the interfaces of many connections as a small router has them, always the same. What it
// costs is counted from outside: instructions_test.py.
//   routed_flows repeated|new COUNT
#include <fmt/format.h>

#include <cstdlib>
#include <random>
#include <string_view>

#include "enrich/routed_interfaces.hpp"
#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::uint32_t kLoopback = 1;
constexpr std::uint32_t kUplink = 2;
constexpr std::uint32_t kFirstNetwork = 3;
constexpr std::uint32_t kNetworks = 4;

Instant now() { return {TimePoint(seconds(1'700'000'000)), MonoTime(hours(10))}; }

class Router {
 public:
  Router() {
    apply(test::link_message(kLoopback, "lo", {.loopback = true}));
    apply(test::link_message(kUplink, "wan"));
    add_rules();
    add_local("127.0.0.1", kLoopback);
    add_local("::1", kLoopback);
    add_network(kUplink, "203.0.113.", "2001:db8:ffff:");
    for (std::uint32_t i = 0; i < kNetworks; ++i) {
      apply(test::link_message(kFirstNetwork + i, fmt::format("lan{}", i)));
      add_network(kFirstNetwork + i, fmt::format("10.0.{}.", i), fmt::format("2001:db8:{}:", i));
    }
    apply(test::route_message("0.0.0.0/0", {{kUplink, "203.0.113.254"}}));
    apply(test::route_message("::/0", {{kUplink, "fe80::fe"}}, {.metric = 1024}));
  }

  [[nodiscard]] const RoutingState& state() const { return state_; }

 private:
  void apply(const test::Octets& message) {
    // Later than the kernel was read, as on any host that runs for a while.
    state_.apply(test::bytes_of(message), routing_time(MonoTime(hours(1))));
  }

  void add_rules() {
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      apply(test::rule_message(0, RT_TABLE_LOCAL, {.family = family}));
      apply(test::rule_message(32766, RT_TABLE_MAIN, {.family = family}));
    }
    apply(test::rule_message(32767, RT_TABLE_DEFAULT));  // IPv6 has none
  }

  void add_local(const std::string& address, std::uint32_t interface) {
    const bool six = address.find(':') != std::string::npos;
    apply(test::address_message(address, interface, {.length = std::uint8_t(six ? 64 : 24)}));
    apply(test::route_message(fmt::format("{}/{}", address, six ? 128 : 32), {{interface, ""}},
                              {.table = RT_TABLE_LOCAL, .type = RTN_LOCAL}));
  }

  void add_network(std::uint32_t interface, const std::string& four, const std::string& six) {
    add_local(four + "1", interface);
    add_local(six + ":1", interface);
    apply(test::route_message(four + "255/32", {{interface, ""}},
                              {.table = RT_TABLE_LOCAL, .type = RTN_BROADCAST}));
    apply(test::route_message(four + "0/24", {{interface, ""}}));
    apply(test::route_message(six + ":/64", {{interface, ""}}, {.metric = 256}));
    apply(test::route_message("ff00::/8", {{interface, ""}},
                              {.table = RT_TABLE_LOCAL, .metric = 256, .type = RTN_MULTICAST}));
  }

  RoutingState state_;
};

/// From a host of a network here to one anywhere: one of a few hundred, or never the same again.
class Connections {
 public:
  explicit Connections(bool repeated) : repeated_(repeated) {}

  void next(Flow& flow) {
    six_ = !six_;
    const std::uint32_t client = repeated_ ? number() % 64 : number();
    const std::uint32_t server = repeated_ ? number() % 512 * 2654435761U : number();
    const auto octet = [](std::uint32_t from, std::size_t index) {
      return static_cast<std::uint8_t>(from >> 8 * index);
    };
    const auto network = static_cast<std::uint8_t>(client % kNetworks);
    const auto host = static_cast<std::uint8_t>(2 + octet(client, 1) % 250 + octet(client, 0) / 64);
    IpAddress source;
    IpAddress destination;
    if (six_) {
      source.octets = {0x20, 0x01, 0x0d, 0xb8, 0, network, 0, 0};
      source.octets[15] = host;
      for (std::size_t i = 0; i < 4; ++i) source.octets[8 + i] = octet(client, i);
      destination.octets = {0x2a, 0x02, octet(server, 0), octet(server, 1)};
      destination.octets[15] = octet(server, 2);
      destination.octets[14] = octet(server, 3);
    } else {
      source.octets = {10, 0, network, host};
      // Neither loopback nor link-local nor a group.
      destination.octets = {static_cast<std::uint8_t>(11 + octet(server, 0) % 100),
                            octet(server, 1), octet(server, 2), octet(server, 3)};
    }
    flow.original.family = flow.reply.family = six_ ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
    flow.original.source = flow.reply.destination = source;
    flow.original.destination = flow.reply.source = destination;
    flow.original.protocol = flow.reply.protocol = 17;
  }

 private:
  std::uint32_t number() { return static_cast<std::uint32_t>(random_()); }

  bool repeated_;
  bool six_ = false;
  std::mt19937 random_{1};
};

int run(bool repeated, int count) {
  const Router router;
  InterfaceCounters counters;
  RoutedInterfaces enricher([&router]() -> const RoutingState& { return router.state(); }, {},
                            counters, now);
  Connections connections(repeated);
  Flow flow;
  flow.event_time = now().wall;
  flow.end = now().wall - seconds(30);
  flow.start = now().wall - seconds(60);
  for (int i = 0; i < count; ++i) {
    connections.next(flow);
    enricher.enrich(flow);
    if (flow.original_interfaces.egress != kUplink ||
        flow.original_interfaces.ingress < kFirstNetwork) {
      fmt::print(stderr, "connection {} has the wrong interfaces\n", i);
      return EXIT_FAILURE;
    }
  }
  fmt::print("from_routes={}\n", counters.from_routes);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace ctflow

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "repeated" && kind != "new") {
    fmt::print(stderr, "usage: routed_flows repeated|new COUNT\n");
    return EXIT_FAILURE;
  }
  return ctflow::run(kind == "repeated", std::atoi(argv[2]));
}
