// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/netflow9.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/encoding_session.hpp"
#include "support/golden.hpp"

namespace ctflow::test {
namespace {

constexpr auto kProtocol = Protocol::kNetflow9;

struct GoldenCase {
  const char* name;
  Flow (*flow)();
};

class Netflow9Golden : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(Netflow9Golden, EncodesTheFlowToTheOctet) {
  const auto encoder = make_encoder(kProtocol);
  const Golden golden = load_golden(std::string("netflow9_") + GetParam().name);
  EXPECT_TRUE(equals_golden(encode_flows(*encoder, {GetParam().flow()}), golden));
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, Netflow9Golden,
    ::testing::Values(GoldenCase{"tcp", sample::tcp}, GoldenCase{"snat", sample::snat},
                      GoldenCase{"icmp", sample::icmp}, GoldenCase{"icmp_nat", sample::icmp_nat},
                      GoldenCase{"udp6", sample::udp6}, GoldenCase{"nat66", sample::nat66},
                      GoldenCase{"nat64", sample::nat64}, GoldenCase{"icmpv6", sample::icmpv6},
                      GoldenCase{"icmpv6_nat66", sample::icmpv6_nat66},
                      GoldenCase{"icmpv6_nat64", sample::icmpv6_nat64}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Netflow9Messages, EncodeAllTemplatesToTheOctet) {
  const auto encoder = make_encoder(kProtocol);
  const auto messages = encode_templates(*encoder);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(equals_golden(messages[0], load_golden("netflow9_templates")));
}

TEST(Netflow9Messages, EncodeTemplatesWithZonesToTheOctet) {
  const auto encoder = make_encoder(kProtocol, true);
  const auto messages = encode_templates(*encoder);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(equals_golden(messages[0], load_golden("netflow9_templates_zones")));
}

TEST(Netflow9Messages, EncodeTheSamplingRateToTheOctet) {
  const auto encoder = make_encoder(kProtocol);
  EXPECT_TRUE(
      equals_golden(encode_sampling_options(*encoder), load_golden("netflow9_sampling_options")));
}

TEST(Netflow9Messages, EncodeFlowsWithZonesToTheOctet) {
  const auto encoder = make_encoder(kProtocol, true);
  EXPECT_TRUE(
      equals_golden(encode_flows(*encoder, {sample::tcp(), sample::snat(), sample::icmpv6()}),
                    load_golden("netflow9_zones")));
}

TEST(Netflow9Messages, ShareAFlowSetAmongNeighboursWithTheSameTemplate) {
  const auto encoder = make_encoder(kProtocol);
  EXPECT_TRUE(
      equals_golden(encode_flows(*encoder, {sample::tcp(), sample::snat_silent(), sample::snat(),
                                            sample::udp6(), sample::icmp()}),
                    load_golden("netflow9_mixed")));
}

// RFC 3954 section 5.1: "Incremental sequence counter of all Export Packets".
TEST(Netflow9Sequence, CountsPacketsOfEveryKindAndNotRecords) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser;
  EXPECT_EQ(parser.parse(encode_templates(*encoder).at(0)).sequence, 0U);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::tcp(), sample::snat()})).sequence, 1U);
  EXPECT_EQ(parser.parse(encode_sampling_options(*encoder)).sequence, 2U);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::udp6()})).sequence, 3U);
}

TEST(Netflow9Sequence, AdvancesOverMessagesThatGotLost) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  encode_flows(*encoder, {sample::tcp()});
  encode_sampling_options(*encoder);
  encode_flows(*encoder, {sample::tcp(), sample::icmp()});
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::tcp()})).sequence, 3U);
}

TEST(Netflow9Header, CountsRecordsOfAllKinds) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser;
  EXPECT_EQ(parser.parse(encode_templates(*encoder).at(0)).count, 10U);
  EXPECT_EQ(parser.parse(encode_sampling_options(*encoder)).count, 2U);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::tcp(), sample::snat_silent()})).count, 3U);

  Bytes buffer = fresh_buffer(kDefaultSize);
  encoder->begin(buffer);
  encoder->restart_templates();
  ASSERT_TRUE(encoder->add_templates());
  ASSERT_TRUE(encoder->add(sample::icmp()));
  EXPECT_EQ(parser.parse(encoder->finish(kSampleNow)).count, 12U);
}

// RFC 3954 section 5.3: FlowSets start at a 4-octet boundary; the parser demands that the padding
// is zero and shorter than 4.
TEST(Netflow9FlowSets, ArePaddedToFourOctets) {
  for (const bool zones : {false, true}) {
    const auto encoder = make_encoder(kProtocol, zones);
    MessageParser parser;
    parser.parse(encode_templates(*encoder).at(0));
    bool padded = false;
    for (const Flow& flow : every_kind()) {
      const ParsedMessage message = parser.parse(encode_flows(*encoder, {flow}));
      EXPECT_EQ(message.length % 4, 0U);
      for (const ParsedSet& set : message.sets) {
        EXPECT_EQ(set.length % 4, 0U);
        padded = padded || set.padding > 0;
      }
    }
    EXPECT_TRUE(padded);
    const ParsedMessage options = parser.parse(encode_sampling_options(*encoder));
    ASSERT_EQ(options.sets.size(), 2U);
    EXPECT_EQ(options.sets[0].padding, 2U);
    EXPECT_EQ(options.sets[1].padding, 3U);
  }
}

TEST(Netflow9FlowSets, ShareOnePaddingAtTheEndOfTheSet) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  Flow silent = sample::tcp();
  silent.reply_counters = {};
  const ParsedMessage message =
      parser.parse(encode_flows(*encoder, {sample::tcp(), sample::tcp(), silent}));
  ASSERT_EQ(message.sets.size(), 1U);
  EXPECT_EQ(message.sets[0].records.size(), 5U);
  EXPECT_EQ(message.sets[0].length, 4U + 5U * 46U + 2U);
  EXPECT_EQ(message.sets[0].padding, 2U);
}

}  // namespace
}  // namespace ctflow::test
