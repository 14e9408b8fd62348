// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/expected_end.hpp"

#include <gtest/gtest.h>

#include "conntrack/flow/decode.hpp"
#include "conntrack/reported/reported_connections.hpp"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using namespace test;

/// An end as the kernel writes it. `early`: with a time that was left.
Octets end_of(bool ipv6_addresses, bool early) {
  const Octets one(16, 1);
  const Octets other(16, 2);
  const Octets there = ipv6_addresses ? ipv6(one, other) : ipv4(kClient, kServer);
  const Octets back = ipv6_addresses ? ipv6(other, one) : ipv4(kServer, kRouter);
  return destroy(
      {nest(CTA_TUPLE_ORIG, {there, ports(17, 5000, 53)}),
       nest(CTA_TUPLE_REPLY, {back, ports(17, 53, 5000)}), attribute(CTA_ID, be32(7)),
       attribute(CTA_STATUS, be32(0x20e)), early ? attribute(CTA_TIMEOUT, be32(42)) : Octets{},
       counters(CTA_COUNTERS_ORIG, 10, 1500), counters(CTA_COUNTERS_REPLY, 12, 15000),
       timestamps(kStart, kStart + kSecond)},
      0);
}

TEST(ExpectedEnd, IsAskedForByTheKeyOfTheDecodedConnection) {
  for (const bool ipv6_addresses : {false, true}) {
    for (const bool early : {false, true}) {
      const Octets event = end_of(ipv6_addresses, early);
      Flow flow;
      ASSERT_EQ(decode(test::bytes_of(event), flow), DecodeResult::kFlow);
      ASSERT_EQ(flow.present.timeout, early);
      EXPECT_EQ(expected_end::key(test::bytes_of(event)), ConnectionIdentity(flow).end_key);
    }
  }
}

TEST(ExpectedEnd, ReadsNothingBehindAMessage) {
  for (const bool ipv6_addresses : {false, true}) {
    const Octets event = end_of(ipv6_addresses, true);
    for (std::size_t length = 0; length < event.size(); ++length) {
      // In memory of its own, so that the sanitizer sees what is read behind it.
      const Octets part = cut(event, length);
      expected_end::key(test::bytes_of(part));
    }
  }
}

}  // namespace
}  // namespace ctflow
