// SPDX-License-Identifier: GPL-2.0-or-later
// The programs in this kernel, in a network namespace of their own.
#include "extras/from_bpf/netfilter_programs.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
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

void flush() { ASSERT_EQ(std::system("PATH=$PATH:/usr/sbin:/sbin; conntrack -F 2>/dev/null"), 0); }

/// Runs `test` with programs that measure a namespace of its own. Skips, and says why, where this
/// kernel or this user cannot have them.
void with_programs(const std::function<void(MeasuredEntries&)>& test,
                   const test::SettingsDirectory& settings = {}) {
  std::string obstacle;
  in_a_namespace([&] {
    const auto entries = attach_netfilter_programs(obstacle, settings.path());
    if (entries) test(*entries);
  });
  if (!obstacle.empty()) GTEST_SKIP() << obstacle;
}

void sweep(MeasuredEntries& entries, int times) {
  for (int i = 0; i < times; ++i) entries.sweep().get();
}

TEST(NetfilterPrograms, MeasureAsManyAsThereIsRoomFor) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_max", "2\n");
  with_programs(
      [&](MeasuredEntries& entries) {
        for (std::uint16_t port = 31; port < 34; ++port) send_to(port, 100);
        send_to(31, 200);
        EXPECT_EQ(entries.totals().unmeasured, 1U);
        ctflow_nf_entry entry{};
        ASSERT_TRUE(entries.find(connection_key(flow_to(31)), entry));
        EXPECT_EQ(entry.measured.direction[0].packets, 2U);
        EXPECT_EQ(entry.measured.direction[0].octets, 300U);
        EXPECT_EQ(entry.measured.direction[0].length_min, 100U);
        EXPECT_EQ(entry.measured.direction[0].length_max, 200U);
        EXPECT_FALSE(entries.find(connection_key(flow_to(33)), entry));
        EXPECT_TRUE(entries.take(connection_key(flow_to(31)), entry));
        EXPECT_FALSE(entries.find(connection_key(flow_to(31)), entry));
      },
      settings);
}

TEST(NetfilterPrograms, KeepWhatConnectionsHaveAndSweepTheRest) {
  with_programs([](MeasuredEntries& entries) {
    send_to(31, 100);
    sweep(entries, 2 * CTFLOW_NF_SWEEPS);
    ctflow_nf_entry entry{};
    EXPECT_TRUE(entries.find(connection_key(flow_to(31)), entry)) << "the connection exists";
    flush();
    sweep(entries, CTFLOW_NF_SWEEPS - 1);
    EXPECT_TRUE(entries.find(connection_key(flow_to(31)), entry)) << "its end may be unread";
    sweep(entries, 1);
    EXPECT_FALSE(entries.find(connection_key(flow_to(31)), entry));
    EXPECT_EQ(entries.totals().swept, 1U);
  });
}

/// Each connection gets the memory of the one before, as the processor gives away first what it was
/// given back last. All namespaces and zones take from the same store.
void on_one_processor() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
}

Descriptor this_namespace() {
  return Descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

constexpr std::uint16_t kFirstPort = 31;
constexpr std::uint16_t kAfterLast = 51;

TEST(NetfilterPrograms, SweepWhatHasGivenItsMemoryToAnotherNamespace) {
  with_programs([](MeasuredEntries& entries) {
    on_one_processor();
    const Descriptor measured = this_namespace();
    in_a_namespace([&] {
      const Descriptor other = this_namespace();
      for (std::uint16_t port = kFirstPort; port < kAfterLast; ++port) {
        ASSERT_EQ(setns(measured.number(), CLONE_NEWNET), 0);
        send_to(port, 100);
        flush();
        ASSERT_EQ(setns(other.number(), CLONE_NEWNET), 0);
        send_to(port, 100);
      }
      sweep(entries, CTFLOW_NF_SWEEPS);
      EXPECT_EQ(entries.totals().swept, kAfterLast - kFirstPort);
    });
  });
}

TEST(NetfilterPrograms, SweepWhatHasGivenItsMemoryToAnotherZone) {
  with_programs([](MeasuredEntries& entries) {
    on_one_processor();
    ASSERT_EQ(std::system("PATH=$PATH:/usr/sbin:/sbin; nft 'add chain ip t z { type filter hook "
                          "output priority raw; }; add rule ip t z udp length > 200 ct zone set "
                          "7'"),
              0);
    for (std::uint16_t port = kFirstPort; port < kAfterLast; ++port) {
      send_to(port, 100);
      flush();
      send_to(port, 300);
    }
    sweep(entries, CTFLOW_NF_SWEEPS);
    // What was in the zone ended, too, but for the last.
    EXPECT_EQ(entries.totals().swept, 2 * (kAfterLast - kFirstPort) - 1);
    ctflow_nf_entry entry{};
    ctflow_nf_key key = connection_key(flow_to(kAfterLast - 1));
    EXPECT_FALSE(entries.find(key, entry));
    key.zone = 7;
    ASSERT_TRUE(entries.find(key, entry));
    EXPECT_EQ(entry.measured.direction[0].octets, 300U);
  });
}

TEST(NetfilterPrograms, DoNotLetASuccessorTakeWhatWasMeasured) {
  with_programs([](MeasuredEntries& entries) {
    send_to(31, 100);
    flush();
    send_to(31, 300);
    const ctflow_nf_key key = connection_key(flow_to(31));
    ctflow_nf_entry before{};
    ctflow_nf_entry after{};
    ASSERT_TRUE(entries.find(key, after));
    EXPECT_EQ(after.generation, 1U);
    EXPECT_EQ(after.measured.direction[0].octets, 300U);
    ASSERT_TRUE(entries.find_ended({key, 0, 0}, before));
    EXPECT_EQ(before.measured.direction[0].octets, 100U);
    EXPECT_LT(before.born, after.born);
    EXPECT_EQ(entries.totals().replaced, 1U);
    EXPECT_TRUE(entries.remove_ended({key, 0, 0}));
  });
}

}  // namespace
}  // namespace ctflow
