// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/network_origins.hpp"

#include <gtest/gtest.h>

#include "support/sample_flows.hpp"
#include "support/source_directory.hpp"

#ifdef CTFLOWD_MAXMIND
namespace ctflow {
namespace {

using test::ipv4;
using test::ipv6;

constexpr std::uint8_t kTcp = 6;

class NetworkOriginsTest : public testing::Test {
 protected:
  /// AS numbers of initiator and responder.
  std::pair<std::uint32_t, std::uint32_t> of(const Tuple& original, const Tuple& reply) {
    Flow flow;
    flow.original = original;
    flow.reply = reply;
    flow.initiator_origin.as_number = flow.responder_origin.as_number = 1;  // of another flow
    enricher_.enrich(flow);
    return {flow.initiator_origin.as_number, flow.responder_origin.as_number};
  }

  static Tuple v4(const IpAddress& source, const IpAddress& destination) {
    return test::tuple_of(AddressFamily::kIpv4, kTcp, source, destination, 1000, 443);
  }
  static Tuple v6(const IpAddress& source, const IpAddress& destination) {
    return test::tuple_of(AddressFamily::kIpv6, kTcp, source, destination, 1000, 443);
  }

  boost::asio::io_context io_;
  NetworkOrigins enricher_{std::make_shared<const OriginDatabases>(
      io_, std::vector<DatabaseChoice>{{"as_database",
                                        test::source_directory() + "/tests/data/mmdb/as.mmdb",
                                        DatabaseContent::kAsNumber}})};
  const IpAddress inside_ = ipv4(192, 168, 1, 2);
  const IpAddress near_ = ipv4(192, 0, 2, 7);    // AS 64496
  const IpAddress far_ = ipv4(198, 51, 100, 9);  // AS 64497
};

using Pair = std::pair<std::uint32_t, std::uint32_t>;

TEST_F(NetworkOriginsTest, AreThoseOfBothEnds) {
  EXPECT_EQ(of(v4(near_, far_), v4(far_, near_)), (Pair{64496, 64497}));
  EXPECT_EQ(of(v4(far_, near_), v4(near_, far_)), (Pair{64497, 64496}));
  EXPECT_EQ(of(v6(ipv6({0x2001, 0xdb8, 1}), ipv6({0x2001, 0xdb8, 2})),
               v6(ipv6({0x2001, 0xdb8, 2}), ipv6({0x2001, 0xdb8, 1}))),
            (Pair{65551, 65550}));
}

TEST_F(NetworkOriginsTest, AreUnknownForAnInsideHostBehindSourceNat) {
  EXPECT_EQ(of(v4(inside_, far_), v4(far_, near_)), (Pair{0, 64497}));
}

TEST_F(NetworkOriginsTest, AreOfThePublicAddressOfAForwardedPort) {
  EXPECT_EQ(of(v4(far_, near_), v4(inside_, far_)), (Pair{64497, 64496}));
}

TEST_F(NetworkOriginsTest, AreOfTheIpv4AddressOfANat64Responder) {
  const IpAddress host = ipv6({0x2001, 0xdb8, 1, 0, 0, 0, 0, 5});
  const IpAddress stands_for = ipv6({0x2001, 0xdb8, 0x64, 0, 0, 0, 0xc633, 0x6409});
  EXPECT_EQ(of(v6(host, stands_for), v4(far_, near_)), (Pair{65551, 64497}));
}

TEST_F(NetworkOriginsTest, AreOfSeveralDatabases) {
  const std::string folder = test::source_directory() + "/tests/data/mmdb/";
  const OriginDatabases both(
      io_, {{"as_database", folder + "as.mmdb", DatabaseContent::kAsNumber},
            {"country_database", folder + "country.mmdb", DatabaseContent::kCountry}});
  EXPECT_EQ(both.find(AddressFamily::kIpv4, near_), (NetworkOrigin{64496, {'D', 'E'}}));
  EXPECT_EQ(both.find(AddressFamily::kIpv4, far_), (NetworkOrigin{64497, {}}));
  EXPECT_EQ(both.status().size(), 2U);
}

TEST_F(NetworkOriginsTest, AreForgottenWhereNothingIsKnown) {
  EXPECT_EQ(of(v4(inside_, ipv4(10, 0, 0, 1)), v4(ipv4(10, 0, 0, 1), inside_)), (Pair{0, 0}));
}

}  // namespace
}  // namespace ctflow
#endif
