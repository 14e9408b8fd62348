// SPDX-License-Identifier: GPL-2.0-or-later
// The mirror against the kernel, in a network namespace of its own: random changes, and after each
// the same questions to both; at the end the mirror is asked again as of then.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "enrich/routing/routing_mirror.hpp"
#include "support/kernel_routes.hpp"

namespace ctflow {
namespace {

using test::KernelRoute;
using Kind = RouteAnswer::Kind;

const std::vector<std::string> kDestinations{
    "203.0.113.1", "203.0.113.7",   "198.51.100.1",  "198.51.100.7",  "10.1.2.3",     "10.9.9.9",
    "192.0.2.77",  "203.0.113.255", "2001:db8:1::9", "2001:db8:5::9", "2001:db8:9::9"};
constexpr std::array<std::uint32_t, 3> kMarks{0, 1, 2};

/// What the kernel said at one moment, destination by destination and mark by mark.
struct Moment {
  RoutingTime time;
  std::vector<KernelRoute> answers;
  std::string step;
};

class Differential {
 public:
  explicit Differential(unsigned seed) : random_(seed), mirror_(io_) {
    run("link set lo up\n"
        "link add wan type veth peer name wanp\nlink add wan2 type veth peer name wan2p\n"
        "link set wanp up\nlink set wan2p up\n" +
        up("wan", 1) + up("wan2", 2) +
        "rule add fwmark 1 lookup 100 prio 50\nrule add fwmark 2 lookup 101 prio 60\n");
    mirror_.start();
    run_until([this] { return mirror_.loaded(); });
  }

  void step() {
    std::string commands;
    for (auto i = 1 + random_() % 3; i > 0; --i) commands += command();
    run(commands);
    io_.restart();
    while (io_.poll() > 0) {
    }
    Moment moment{routing_clock(), {}, commands};
    for_each([&](const RouteQuery& query, const std::string& destination) {
      moment.answers.push_back(kernel_.ask(destination, query.mark));
    });
    compare(moment, kNow, "at once");
    moments_.push_back(std::move(moment));
  }

  void compare_all(const char* when) {
    for (const Moment& moment : moments_) compare(moment, moment.time, when);
  }
  void resync() {
    const auto before = mirror_.counters().resyncs;
    run("addr add 172.31.0.1/32 dev lo\naddr del 172.31.0.1/32 dev lo\n");
    run_until([&] { return mirror_.counters().resyncs > before && !mirror_.reading(); });
  }

  [[nodiscard]] int compared() const { return compared_; }
  [[nodiscard]] int unknown() const { return unknown_; }

 private:
  static std::string up(const std::string& device, int network) {
    const std::string address = network == 1 ? "203.0.113.1/24" : "198.51.100.1/24";
    return fmt::format(
        "addr add {0} dev {1}\naddr add 2001:db8:{2}::1/64 dev {1} nodad\n"
        "link set {1} up\n",
        address, device, network);
  }
  static std::string gateway(unsigned which) {
    return which == 0 ? "via 203.0.113.2 dev wan" : "via 198.51.100.2 dev wan2";
  }

  /// With -force, what the kernel refuses does no harm.
  static void run(const std::string& commands) {
    FILE* batch = popen("ip -force -batch - >/dev/null 2>&1", "w");  // NOLINT(cert-env33-c)
    ASSERT_NE(batch, nullptr);
    std::fputs(commands.c_str(), batch);
    pclose(batch);
  }

  std::string command() {
    const unsigned which = random_() % 2;
    const std::string device = which == 0 ? "wan" : "wan2";
    const std::string way = gateway(which);
    const std::array<const char*, 4> prefixes{"default", "10.0.0.0/8", "10.1.0.0/16",
                                              "192.0.2.0/24"};
    const char* prefix = prefixes[random_() % prefixes.size()];
    const std::array<const char*, 3> tables{"main", "100", "101"};
    const std::string place =
        fmt::format("table {} metric {}", tables[random_() % 3], 10 * (random_() % 2));
    switch (random_() % 20) {
      case 0:
        return fmt::format("link set {} down\n", device);
      case 1:
      case 2:
        return fmt::format("link set {} up\n", device);
      case 3:
        return fmt::format(
                   "link del {0}\nlink add {0} type veth peer name {0}p\n"
                   "link set {0}p up\n",
                   device) +
               up(device, which == 0 ? 1 : 2);
      case 4:
        return fmt::format("addr flush dev {}\n", device);
      case 5:
        return up(device, random_() % 4 == 0 ? 1 : (which == 0 ? 1 : 2));
      case 6:
      case 7:
        return fmt::format("route add {} {} {}\n", prefix, way, place);
      case 8:
        return fmt::format("route append {} {} {} proto {}\n", prefix, way, place,
                           random_() % 2 == 0 ? "static" : "boot");
      case 9:
        return fmt::format("route replace {} {} {}\n", prefix, way, place);
      case 10:
        return fmt::format("route del {} {}\n", prefix, place);
      case 11:
        return fmt::format("route add {} {} nexthop {} nexthop {}\n", prefix, place, gateway(0),
                           gateway(1));
      case 12:
        return fmt::format("nexthop replace id {} {}\n", which + 1, way);
      case 13:
        return fmt::format("nexthop del id {}\nnexthop add id 9 group 1/2\n", which + 1);
      case 14:
        return fmt::format("route add {} nhid {} {}\n", prefix, random_() % 2 == 0 ? 9U : which + 1,
                           place);
      case 15:
        return fmt::format("rule add fwmark {} lookup {} prio 50 protocol {}\n", which + 1,
                           100 + random_() % 2, random_() % 3);
      case 16:
        return fmt::format("rule del fwmark {} lookup {} prio 50 protocol {}\n", which + 1,
                           100 + random_() % 2, random_() % 3);
      case 17:
        return fmt::format("-6 route {} 2001:db8:5::/48 dev {} metric {}\n",
                           random_() % 3 == 0 ? "del" : "append", device, 10 * (random_() % 2));
      case 18:
        return fmt::format("-6 route {} default via 2001:db8:{}::2\n",
                           random_() % 3 == 0 ? "del" : "replace", which + 1);
      default:
        return fmt::format("route flush table {}\nlink set {}p {}\n", 100 + which, device,
                           random_() % 2 == 0 ? "down" : "up");
    }
  }

  template <typename Ask>
  void for_each(Ask ask) {
    for (const std::string& destination : kDestinations) {
      for (const std::uint32_t mark : kMarks) {
        RouteQuery query;
        query.family = test::family_number(destination) == AF_INET ? AddressFamily::kIpv4
                                                                   : AddressFamily::kIpv6;
        query.destination = test::key_of(destination);
        query.mark = mark;
        query.ingress = mirror_.state().loopback();
        ask(query, destination);
      }
    }
  }

  void compare(const Moment& moment, RoutingTime time, const char* when) {
    std::size_t next = 0;
    for_each([&](RouteQuery query, const std::string& destination) {
      query.time = time;
      const RouteAnswer answer = mirror_.state().route(query);
      const KernelRoute& kernel = moment.answers[next++];
      ++compared_;
      EXPECT_FALSE(answer.forgotten);
      if (answer.kind == Kind::kForward && answer.interface == 0 && kernel.type == RTN_UNICAST) {
        ++unknown_;  // several ways
        return;
      }
      const bool is_right = [&] {
        switch (kernel.type) {
          case RTN_UNICAST:
            return answer.kind == Kind::kForward && answer.interface == kernel.interface &&
                   (answer.gateway == kernel.gateway || answer.gateway == IpAddress{});
          case RTN_LOCAL:
            return answer.kind == Kind::kLocal;
          case RTN_BROADCAST:
          case RTN_MULTICAST:
            return answer.kind == Kind::kGroup;
          default:
            return answer.kind == Kind::kNone;
        }
      }();
      EXPECT_TRUE(is_right) << when << ": " << destination << " mark " << query.mark
                            << " kernel: type " << int{kernel.type} << " interface "
                            << kernel.interface << ", mirror: kind "
                            << static_cast<int>(answer.kind) << " interface "
                            << answer.interface << "\nafter:\n"
                            << moment.step;
    });
  }

  template <typename Condition>
  void run_until(Condition condition) {
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), latest);
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(50));
    }
  }

  std::mt19937 random_;
  boost::asio::io_context io_;
  RoutingMirror mirror_;
  test::KernelRoutes kernel_;
  std::vector<Moment> moments_;
  int compared_ = 0;
  int unknown_ = 0;
};

/// In a thread with a network namespace of its own. Skips where that is not allowed.
template <typename Body>
void in_namespace(Body body) {
  bool allowed = true;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (allowed) body();
  }).join();
  if (!allowed) GTEST_SKIP() << "a network namespace needs root";
}

TEST(RoutingDifferential, AnswersLikeTheKernelNowAndAsOfThen) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    in_namespace([seed] {
      Differential differential(seed);
      constexpr int kSteps = 40;
      for (int i = 0; i < kSteps; ++i) differential.step();
      differential.compare_all("as of then");
      differential.resync();
      differential.compare_all("as of then, after everything was read again");
      EXPECT_EQ(differential.compared(), 3 * kSteps * 33);
      EXPECT_LT(differential.unknown(), differential.compared() / 3);
    });
  }
}

}  // namespace
}  // namespace ctflow
