// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel runs the filter over messages as ctnetlink writes them: a socket filter works on any
// datagram socket.
#include "netlink/kernel_filter.hpp"

#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <random>

#include "conntrack/flow/connection_filter.hpp"
#include "conntrack/flow/decode.hpp"
#include "support/random_filters.hpp"

namespace ctflow {
namespace {

/// A pair of sockets, one of which has the filter.
class FilteredSocket {
 public:
  explicit FilteredSocket(const KernelFilter& filter) {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sockets_.data()), 0);
    const std::error_code error = filter.attach(sockets_[1]);
    EXPECT_FALSE(error) << error.message();
  }
  ~FilteredSocket() {
    for (const int socket : sockets_) close(socket);
  }
  FilteredSocket(const FilteredSocket&) = delete;
  FilteredSocket& operator=(const FilteredSocket&) = delete;
  FilteredSocket(FilteredSocket&&) = delete;
  FilteredSocket& operator=(FilteredSocket&&) = delete;

  /// Whether a message gets through, and whole.
  [[nodiscard]] bool passes(const test::Octets& message) const {
    EXPECT_TRUE(send(sockets_[0], message.data(), message.size(), 0) >= 0 || errno == EPERM);
    std::array<std::uint8_t, 4096> buffer{};
    const ssize_t length = recv(sockets_[1], buffer.data(), buffer.size(), 0);
    EXPECT_TRUE(length < 0 || static_cast<std::size_t>(length) == message.size());
    return length >= 0;
  }

 private:
  std::array<int, 2> sockets_{-1, -1};
};

Flow decoded(const test::Octets& message) {
  Flow flow;
  EXPECT_EQ(decode(std::as_bytes(std::span(message)), flow), DecodeResult::kFlow);
  return flow;
}

bool passes_user_space(const FilterConfig& config, const test::Octets& message) {
  SourceConfig source;
  source.filter = config;
  return ConnectionFilter(source).passes(decoded(message));
}

Network network(AddressFamily family, std::initializer_list<std::uint8_t> octets,
                std::uint8_t length) {
  Network result{family, {}, length};
  std::copy(octets.begin(), octets.end(), result.address.octets.begin());
  return result;
}

test::Octets tcp_over(const test::Octets& addresses, std::uint8_t protocol = 6) {
  return test::destroy({test::nest(CTA_TUPLE_ORIG, {addresses, test::ports(protocol, 40000, 443)}),
                        test::nest(CTA_TUPLE_REPLY, {addresses, test::ports(protocol, 443, 40000)}),
                        test::attribute(CTA_ID, test::be32(1)),
                        test::attribute(CTA_STATUS, test::be32(0x18e))});
}

test::Octets over_ipv4() { return tcp_over(test::ipv4(test::kClient, test::kServer)); }
test::Octets over_ipv6() {
  test::Octets address(16);
  address[0] = 0x20;
  return tcp_over(test::ipv6(address, address));
}

TEST(KernelFilter, WithoutSettingsDoesNothing) {
  const KernelFilter filter{FilterConfig{}};
  EXPECT_FALSE(filter.filters_events());
  EXPECT_TRUE(FilteredSocket(filter).passes(over_ipv4()));
}

TEST(KernelFilter, RemovesWhatIsNotIncluded) {
  FilterConfig config;
  config.include.push_back({{17}, {}, {}, {}, {}});
  const KernelFilter filter(config);
  EXPECT_TRUE(filter.filters_events());
  EXPECT_FALSE(FilteredSocket(filter).passes(over_ipv4()));
  config.include[0].protocols = {6, 17};
  EXPECT_TRUE(FilteredSocket(KernelFilter(config)).passes(over_ipv4()));
}

TEST(KernelFilter, RemovesExcludedNetworksOfEitherEnd) {
  FilterConfig config;
  config.exclude.push_back({{}, {network(AddressFamily::kIpv4, {10, 0, 2, 0}, 24)}, {}, {}, {}});
  const KernelFilter filter(config);
  const FilteredSocket socket(filter);
  EXPECT_FALSE(socket.passes(over_ipv4())) << "as destination";
  EXPECT_FALSE(socket.passes(tcp_over(test::ipv4(test::kServer, test::kRouter)))) << "as source";
  EXPECT_TRUE(socket.passes(tcp_over(test::ipv4(test::kClient, test::kRouter))));
  EXPECT_TRUE(socket.passes(over_ipv6()));
}

TEST(KernelFilter, TakesAMissingMarkForZero) {
  FilterConfig config;
  config.include.push_back({{}, {}, {}, {}, {{0, 0xffff'ffff}}});
  EXPECT_TRUE(FilteredSocket(KernelFilter(config)).passes(over_ipv4()));
  config.include[0].marks = {{1, 1}};
  EXPECT_FALSE(FilteredSocket(KernelFilter(config)).passes(over_ipv4()));
}

TEST(KernelFilter, LeavesADestinationOfIpv4ToUserSpaceWhereIpv6Passes) {
  FilterConfig config;
  config.include.push_back({{},
                            {},
                            {},
                            {network(AddressFamily::kIpv4, {192, 0, 2, 0}, 24),
                             network(AddressFamily::kIpv6, {0x20}, 8)},
                            {}});
  EXPECT_TRUE(FilteredSocket(KernelFilter(config)).passes(over_ipv6()));
  FilterConfig excluding;
  excluding.exclude.push_back({{}, {}, {}, {network(AddressFamily::kIpv4, {5}, 8)}, {}});
  EXPECT_TRUE(FilteredSocket(KernelFilter(excluding)).passes(over_ipv6()));
}

TEST(KernelFilter, LeavesLongListsToUserSpace) {
  FilterConfig config;
  ConnectionMatch& match = config.include.emplace_back();
  for (int i = 0; i < 256; ++i) match.protocols.push_back(static_cast<std::uint64_t>(i));
  EXPECT_FALSE(KernelFilter(config).filters_events());
  match.protocols.resize(200);
  const KernelFilter filter(config);
  EXPECT_TRUE(filter.filters_events());
  const FilteredSocket socket(filter);
  for (int protocol = 0; protocol < 200; ++protocol) {
    EXPECT_TRUE(socket.passes(tcp_over(test::ipv4(1, 2), static_cast<std::uint8_t>(protocol))));
  }
  EXPECT_FALSE(socket.passes(tcp_over(test::ipv4(1, 2), 200)));
}

TEST(KernelFilter, KeepsWholeListsUpToItsLimit) {
  for (const bool old : {true, false}) {
    FilterConfig config;
    ConnectionMatch& match = config.include.emplace_back();
    const std::uint8_t most = old ? 64 : 1;
    for (std::uint8_t i = 0; i < most; ++i) {
      match.sources.push_back(
          old ? network(AddressFamily::kIpv4, {10, i}, 16)
              : network(AddressFamily::kIpv6, {0x20, 0, 0, 0, 0, 0, 0, i, 0, 0, 0, i}, 96));
    }
    const KernelFilter filter(config);
    EXPECT_TRUE(filter.filters_events());
    const FilteredSocket socket(filter);
    for (std::uint8_t i = 0; i <= most; ++i) {
      test::Octets source(16);
      source[0] = 0x20;
      source[7] = source[11] = i;
      const test::Octets event =
          tcp_over(old ? test::ipv4(0x0a000001 | std::uint32_t{i} << 16, test::kServer)
                       : test::ipv6(source, source));
      EXPECT_EQ(socket.passes(event), i < most) << int{i};
      EXPECT_EQ(passes_user_space(config, event), i < most) << int{i};
    }
  }
}

/// CTFLOWD_SEED=N runs one again.
TEST(KernelFilter, NeverRemovesWhatPassesInUserSpace) {
  const char* const given = std::getenv("CTFLOWD_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(testing::Message() << "CTFLOWD_SEED=" << seed);
  RecordProperty("seed", std::to_string(seed));
  test::RandomFilters random(seed);
  int removed = 0;
  int left = 0;
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    const FilterConfig config = random.filter();
    SourceConfig source;
    source.filter = config;
    const ConnectionFilter user(source);
    const KernelFilter kernel(config);
    const FilteredSocket socket(kernel);
    for (int k = 0; k < 50; ++k) {
      const test::Octets event = random.event();
      const bool wanted = user.passes(decoded(event));
      const bool came = socket.passes(event);
      EXPECT_TRUE(came || !wanted) << "filter " << i << ", connection " << k;
      removed += !came;
      left += came && !wanted;
    }
  }
  EXPECT_GT(removed, 1000) << "the kernel does something";
  EXPECT_GT(left, 1000) << "and not everything";
}

}  // namespace
}  // namespace ctflow
