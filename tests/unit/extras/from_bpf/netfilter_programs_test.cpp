// SPDX-License-Identifier: GPL-2.0-or-later
// The programs in this kernel, in a network namespace of their own.
#include "extras/from_bpf/netfilter_programs.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstdlib>
#include <functional>
#include <thread>

#include "extras/from_bpf/connection_key.hpp"
#include "process/descriptor.hpp"
#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

constexpr std::uint16_t kSourcePort = 20'000;

Flow flow_to(std::uint16_t port) {
  Flow flow;
  flow.original.source.octets = flow.original.destination.octets = {127, 0, 0, 1};
  flow.original.source_port = kSourcePort;
  flow.original.destination_port = port;
  flow.original.family = AddressFamily::kIpv4;
  flow.original.protocol = IPPROTO_UDP;
  return flow;
}

sockaddr_in address(std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return made;
}

/// One datagram of `octets`, IP header included. Both ends are this host.
void send_to(std::uint16_t port, std::size_t octets) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
  const sockaddr_in from = address(kSourcePort);
  const sockaddr_in to = address(port);
  ASSERT_EQ(bind(socket.number(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
  const std::string content(octets - 28, 'x');
  ASSERT_EQ(sendto(socket.number(), content.data(), content.size(), 0,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to),
            static_cast<ssize_t>(content.size()));
}

/// Runs `test` in a namespace whose connections are tracked; a thread has one of its own.
void in_a_namespace(const std::function<void()>& test) {
  bool made = false;
  std::thread([&] {
    made = unshare(CLONE_NEWNET) == 0 &&
           std::system(
               "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && nft 'add table ip t; add "
               "chain ip t o { type filter hook output priority 0; }; add rule ip t o ct "
               "state new accept'") == 0;
    if (made) test();
  }).join();
  if (!made) GTEST_SKIP() << "needs root, ip and nft";
}

/// Null, and why: this kernel or this user cannot have them.
std::unique_ptr<MeasuredEntries> attach(const test::SettingsDirectory& settings,
                                        std::string& obstacle) {
  return attach_netfilter_programs(obstacle, settings.path());
}

TEST(NetfilterPrograms, MeasureAsManyAsThereIsRoomFor) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_max", "2\n");
  std::string obstacle;
  in_a_namespace([&] {
    const auto entries = attach(settings, obstacle);
    if (!entries) return;
    for (std::uint16_t port = 31; port < 34; ++port) send_to(port, 100);
    send_to(31, 200);
    EXPECT_EQ(entries->totals().unmeasured, 1U);
    ctflow_nf_entry entry{};
    ASSERT_TRUE(entries->find(connection_key(flow_to(31)), entry));
    EXPECT_EQ(entry.measured.direction[0].packets, 2U);
    EXPECT_EQ(entry.measured.direction[0].octets, 300U);
    EXPECT_EQ(entry.measured.direction[0].length_min, 100U);
    EXPECT_EQ(entry.measured.direction[0].length_max, 200U);
    EXPECT_FALSE(entries->find(connection_key(flow_to(33)), entry));
    EXPECT_TRUE(entries->take(connection_key(flow_to(31)), entry));
    EXPECT_FALSE(entries->find(connection_key(flow_to(31)), entry));
  });
  if (!obstacle.empty()) GTEST_SKIP() << obstacle;
}

TEST(NetfilterPrograms, KeepWhatConnectionsHaveAndSweepTheRest) {
  const test::SettingsDirectory settings;
  std::string obstacle;
  in_a_namespace([&] {
    const auto entries = attach(settings, obstacle);
    if (!entries) return;
    send_to(31, 100);
    for (int i = 0; i < 2 * CTFLOW_NF_SWEEPS; ++i) entries->sweep().get();
    ctflow_nf_entry entry{};
    EXPECT_TRUE(entries->find(connection_key(flow_to(31)), entry)) << "the connection exists";
    ASSERT_EQ(std::system("PATH=$PATH:/usr/sbin:/sbin; conntrack -F 2>/dev/null"), 0);
    for (int i = 1; i < CTFLOW_NF_SWEEPS; ++i) entries->sweep().get();
    EXPECT_TRUE(entries->find(connection_key(flow_to(31)), entry)) << "its end may be unread";
    entries->sweep().get();
    EXPECT_FALSE(entries->find(connection_key(flow_to(31)), entry));
    EXPECT_EQ(entries->totals().swept, 1U);
  });
  if (!obstacle.empty()) GTEST_SKIP() << obstacle;
}

TEST(NetfilterPrograms, DoNotLetASuccessorTakeWhatWasMeasured) {
  const test::SettingsDirectory settings;
  std::string obstacle;
  in_a_namespace([&] {
    const auto entries = attach(settings, obstacle);
    if (!entries) return;
    send_to(31, 100);
    ASSERT_EQ(std::system("PATH=$PATH:/usr/sbin:/sbin; conntrack -F 2>/dev/null"), 0);
    send_to(31, 300);
    const ctflow_nf_key key = connection_key(flow_to(31));
    ctflow_nf_entry before{};
    ctflow_nf_entry after{};
    ASSERT_TRUE(entries->find(key, after));
    EXPECT_EQ(after.generation, 1U);
    EXPECT_EQ(after.measured.direction[0].octets, 300U);
    ASSERT_TRUE(entries->find_ended({key, 0, 0}, before));
    EXPECT_EQ(before.measured.direction[0].octets, 100U);
    EXPECT_LT(before.born, after.born);
    EXPECT_EQ(entries->totals().replaced, 1U);
    EXPECT_TRUE(entries->remove_ended({key, 0, 0}));
  });
  if (!obstacle.empty()) GTEST_SKIP() << obstacle;
}

}  // namespace
}  // namespace ctflow
