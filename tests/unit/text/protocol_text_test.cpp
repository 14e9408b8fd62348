// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/protocol_text.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace ctflow::text {
namespace {

TEST(ProtocolText, IsReadAgain) {
  for (int number = 0; number < 256; ++number) {
    EXPECT_EQ(parse_protocol(protocol_text(number)), number);
  }
  EXPECT_EQ(protocol_text(41), "41");
  EXPECT_EQ(protocol_text(256), "256");
}

TEST(ProtocolText, HasTheNumbersOfTheKernel) {
  EXPECT_EQ(parse_protocol("tcp"), IPPROTO_TCP);
  EXPECT_EQ(parse_protocol("udp"), IPPROTO_UDP);
  EXPECT_EQ(parse_protocol("icmp"), IPPROTO_ICMP);
  EXPECT_EQ(parse_protocol("icmpv6"), IPPROTO_ICMPV6);
  EXPECT_EQ(parse_protocol("sctp"), IPPROTO_SCTP);
  EXPECT_EQ(parse_protocol("dccp"), IPPROTO_DCCP);
  EXPECT_EQ(parse_protocol("udplite"), IPPROTO_UDPLITE);
  EXPECT_EQ(parse_protocol("gre"), IPPROTO_GRE);
  EXPECT_EQ(parse_protocol("esp"), IPPROTO_ESP);
  EXPECT_EQ(parse_protocol("ah"), IPPROTO_AH);
  EXPECT_EQ(parse_protocol("igmp"), IPPROTO_IGMP);
}

TEST(ProtocolText, IsNothingElse) {
  for (const char* const text : {"", "TCP", "tcp ", "256", "-1", "6 ", "ipv6"}) {
    EXPECT_EQ(parse_protocol(text), std::nullopt) << text;
  }
}

TEST(ProtocolText, NamesAll) {
  EXPECT_EQ(protocol_names(), "tcp, udp, icmp, icmpv6, sctp, dccp, udplite, gre, esp, ah, igmp");
}

}  // namespace
}  // namespace ctflow::text
