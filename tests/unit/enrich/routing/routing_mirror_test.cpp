// SPDX-License-Identifier: GPL-2.0-or-later
// Against the kernel of the machine: every network namespace has a loopback interface and rules.
// What needs changes is in tests/integration/interfaces_test.py.
#include "enrich/routing/routing_mirror.hpp"

#include <gtest/gtest.h>
#include <net/if.h>

#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

TEST(RoutingMirror, ReadsTheKernelsInterfacesRulesAndRoutes) {
  boost::asio::io_context io;
  RoutingMirror mirror(io);
  EXPECT_FALSE(mirror.loaded());
  int announced = 0;
  mirror.on_names_changed([&] { ++announced; });
  mirror.start();
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!mirror.loaded() && std::chrono::steady_clock::now() < latest) {
    io.run_one_for(std::chrono::milliseconds(100));
  }
  ASSERT_TRUE(mirror.loaded());
  const std::uint32_t loopback = if_nametoindex("lo");
  ASSERT_NE(mirror.state().link(loopback), nullptr);
  EXPECT_STREQ(mirror.state().link(loopback)->name.data(), "lo");
  ASSERT_NE(mirror.state().loopback(), nullptr);
  EXPECT_EQ(mirror.names().entries().at(loopback).name, "lo");
  EXPECT_EQ(announced, 1);
  EXPECT_GE(mirror.state().rules(), 3U);
  EXPECT_EQ(mirror.counters().malformed, 0U);
  EXPECT_EQ(mirror.counters().foreign, 0U);
  if (mirror.state().link(loopback)->up) {
    RouteQuery query;
    query.family = AddressFamily::kIpv4;
    query.destination = test::key_of("127.0.0.1");
    EXPECT_EQ(mirror.state().route(query).kind, RouteAnswer::Kind::kLocal);
  }
}

TEST(RoutingSocket, ReceivesTheAnswerToARequest) {
  RoutingSocket socket;
  std::error_code error;
  EXPECT_GE(socket.descriptor(), 0);
  EXPECT_NE(socket.port(), 0U);
  ASSERT_FALSE(socket.request_dump(RTM_GETLINK, AF_UNSPEC, 5));
  const auto datagrams = socket.receive(error);
  EXPECT_FALSE(error);
  ASSERT_FALSE(datagrams.empty());
  EXPECT_TRUE(datagrams[0].from_kernel);
  EXPECT_FALSE(datagrams[0].truncated);
}

}  // namespace
}  // namespace ctflow
