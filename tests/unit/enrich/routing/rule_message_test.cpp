// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "enrich/routing/routing_message.hpp"
#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::append;
using test::attribute;
using test::bytes_of;
using test::host;
using test::Octets;

TEST(DecodeRule, ReadsEverythingThatItCanDecide) {
  Octets more = attribute(FRA_IIFNAME, test::text("lan"));
  append(more, attribute(FRA_FWMARK, host(std::uint32_t{0x10})));
  append(more, attribute(FRA_FWMASK, host(std::uint32_t{0xf0})));
  append(more, attribute(FRA_IP_PROTO, {17}));
  Octets ports = host(std::uint16_t{1000});
  append(ports, host(std::uint16_t{2000}));
  append(more, attribute(FRA_DPORT_RANGE, ports));
  append(more, attribute(FRA_SUPPRESS_IFGROUP, host(std::int32_t{3})));
  Rule rule;
  ASSERT_EQ(
      decode_rule(bytes_of(test::rule_message(
                      99, 1234, {.source = "10.0.0.0/8", .flags = FIB_RULE_INVERT, .more = more})),
                  rule),
      Decoded::kYes);
  EXPECT_EQ(rule.priority, 99U);
  EXPECT_EQ(rule.table, 1234U);
  EXPECT_EQ(rule.source, (Prefix{test::key_of("10.0.0.0"), 8}));
  EXPECT_STREQ(rule.ingress.data(), "lan");
  EXPECT_EQ(rule.mark, 0x10U);
  EXPECT_EQ(rule.mark_mask, 0xf0U);
  EXPECT_EQ(rule.protocol, 17);
  EXPECT_EQ(rule.destination_port, (PortRange{1000, 2000, 0}));
  EXPECT_EQ(rule.suppress_length, -1);
  EXPECT_EQ(rule.suppress_group, 3);
  EXPECT_TRUE(rule.inverted);
  EXPECT_FALSE(rule.undecidable || rule.vrf || rule.needs_egress);
}

TEST(DecodeRule, SaysWhatCannotBeDecidedWithoutThePacket) {
  constexpr unsigned kDscp = 25;    // later than our headers
  constexpr unsigned kFuture = 77;  // of a kernel to come
  const auto undecidable = [](const test::RuleOptions& options) {
    Rule rule;
    EXPECT_EQ(decode_rule(bytes_of(test::rule_message(1, 2, options)), rule), Decoded::kYes);
    return rule.undecidable;
  };
  EXPECT_FALSE(undecidable({}));
  EXPECT_TRUE(undecidable({.tos = 0x10}));
  EXPECT_TRUE(undecidable({.more = attribute(FRA_UID_RANGE, Octets(8))}));
  EXPECT_TRUE(undecidable({.more = attribute(FRA_TUN_ID, Octets(8))}));
  EXPECT_TRUE(undecidable({.more = attribute(kDscp, {4})}));
  EXPECT_TRUE(undecidable({.more = attribute(kFuture, {})}));
}

TEST(DecodeRule, TellsRulesApartAsTheKernelDoes) {
  const auto decoded = [](const test::RuleOptions& options) {
    Rule rule;
    EXPECT_EQ(decode_rule(bytes_of(test::rule_message(50, 100, options)), rule), Decoded::kYes);
    return rule;
  };
  const Rule plain = decoded({.more = attribute(FRA_PROTOCOL, {3})});
  EXPECT_EQ(decoded({.more = attribute(FRA_PROTOCOL, {3}), .removed = true}), plain);
  EXPECT_NE(decoded({.more = attribute(FRA_PROTOCOL, {4})}), plain);
  EXPECT_NE(decoded({.more = attribute(FRA_OIFNAME, test::text("a"))}),
            decoded({.more = attribute(FRA_OIFNAME, test::text("b"))}));
  EXPECT_NE(decoded({.tos = 4}), decoded({.tos = 8}));
  EXPECT_EQ(decoded({.flags = FIB_RULE_UNRESOLVED}), decoded({}))
      << "what the rule refers to may come and go";
}

}  // namespace
}  // namespace ctflow
