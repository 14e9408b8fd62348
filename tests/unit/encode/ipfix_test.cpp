// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/ipfix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/encoding_session.hpp"
#include "support/golden.hpp"

namespace ctflow::test {
namespace {

constexpr auto kProtocol = Protocol::kIpfix;

struct GoldenCase {
  const char* name;
  Flow (*flow)();
};

class IpfixGolden : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(IpfixGolden, EncodesTheFlowToTheOctet) {
  const auto encoder = make_encoder(kProtocol);
  const Golden golden = load_golden(std::string("ipfix_") + GetParam().name);
  EXPECT_TRUE(equals_golden(encode_flows(*encoder, {GetParam().flow()}), golden));
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, IpfixGolden,
    ::testing::Values(GoldenCase{"tcp", sample::tcp}, GoldenCase{"snat", sample::snat},
                      GoldenCase{"icmp", sample::icmp}, GoldenCase{"icmp_nat", sample::icmp_nat},
                      GoldenCase{"udp6", sample::udp6}, GoldenCase{"nat66", sample::nat66},
                      GoldenCase{"nat64", sample::nat64}, GoldenCase{"icmpv6", sample::icmpv6},
                      GoldenCase{"icmpv6_nat66", sample::icmpv6_nat66},
                      GoldenCase{"icmpv6_nat64", sample::icmpv6_nat64}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(IpfixMessages, EncodeAllTemplatesToTheOctet) {
  const auto encoder = make_encoder(kProtocol);
  const auto messages = encode_templates(*encoder);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(equals_golden(messages[0], load_golden("ipfix_templates")));
}

TEST(IpfixMessages, EncodeTemplatesWithZonesToTheOctet) {
  const auto encoder = make_encoder(kProtocol, true);
  const auto messages = encode_templates(*encoder);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(equals_golden(messages[0], load_golden("ipfix_templates_zones")));
}

TEST(IpfixMessages, EncodeTheSamplingRateToTheOctet) {
  const auto encoder = make_encoder(kProtocol);
  EXPECT_TRUE(
      equals_golden(encode_sampling_options(*encoder), load_golden("ipfix_sampling_options")));
}

TEST(IpfixMessages, EncodeTheSamplingRateAlikeWithZones) {
  const auto encoder = make_encoder(kProtocol, true);
  EXPECT_TRUE(
      equals_golden(encode_sampling_options(*encoder), load_golden("ipfix_sampling_options")));
}

TEST(IpfixMessages, EncodeFlowsWithZonesToTheOctet) {
  const auto encoder = make_encoder(kProtocol, true);
  EXPECT_TRUE(
      equals_golden(encode_flows(*encoder, {sample::tcp(), sample::snat(), sample::icmpv6()}),
                    load_golden("ipfix_zones")));
}

TEST(IpfixMessages, ShareASetAmongNeighboursWithTheSameTemplate) {
  const auto encoder = make_encoder(kProtocol);
  EXPECT_TRUE(
      equals_golden(encode_flows(*encoder, {sample::tcp(), sample::snat_silent(), sample::snat(),
                                            sample::udp6(), sample::icmp()}),
                    load_golden("ipfix_mixed")));
}

// RFC 7011 section 3.1: "the sequence number of the first Data Record of this message", that is all
// Data Records before it. Options data count (section 3.4.3 calls them Data Records), Templates
// not.
TEST(IpfixSequence, CountsDataRecordsAndOptionsRecordsButNoTemplates) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser;
  EXPECT_EQ(parser.parse(encode_templates(*encoder).at(0)).sequence, 0U);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::tcp(), sample::snat_silent()})).sequence,
            0U);
  EXPECT_EQ(parser.parse(encode_sampling_options(*encoder)).sequence, 3U);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::udp6()})).sequence, 4U);
  encoder->restart_templates();
  EXPECT_EQ(parser.parse(encode_templates(*encoder).at(0)).sequence, 6U);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::udp6()})).sequence, 6U);
}

TEST(IpfixSequence, AdvancesOverMessagesThatGotLost) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  encode_flows(*encoder, {sample::tcp()});
  encode_sampling_options(*encoder);
  encode_flows(*encoder, {sample::tcp(), sample::icmp()});
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::tcp()})).sequence, 7U);
}

TEST(IpfixSequence, DoesNotCountAFlowThatDidNotFit) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder->begin(buffer);
  std::uint32_t added = 0;
  while (encoder->add(sample::udp6())) {
    ++added;
  }
  ASSERT_GT(added, 0U);
  ASSERT_EQ(parser.parse(encoder->finish(kSampleNow)).records().size(), 2U * added);
  EXPECT_EQ(parser.parse(encode_flows(*encoder, {sample::tcp()})).sequence, 2U * added);
}

TEST(IpfixHeader, RoundsExportTimeUpSoThatNoFlowEndsAfterItsMessage) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  const auto export_time = [&](TimePoint now) {
    return parser.parse(encode_flows(*encoder, {sample::tcp()}, now)).export_time;
  };
  EXPECT_EQ(export_time(at_ns(1'700'000'100'000'000'000)), 1'700'000'100U);
  EXPECT_EQ(export_time(at_ns(1'700'000'100'000'000'001)), 1'700'000'101U);
  EXPECT_EQ(export_time(at_ns(1'700'000'100'999'999'999)), 1'700'000'101U);
}

TEST(IpfixHeader, CarriesTheObservationDomain) {
  for (const std::uint32_t domain : {0U, 1U, 0x01020304U, 0xFFFFFFFFU}) {
    IpfixEncoder encoder(EncoderOptions{.observation_domain = domain, .zones = false});
    MessageParser parser;
    EXPECT_EQ(parser.parse(encode_templates(encoder).at(0)).domain, domain);
    const ParsedMessage options = parser.parse(encode_sampling_options(encoder));
    ASSERT_EQ(options.records().size(), 1U);
    const auto octet = [domain](int shift) { return static_cast<std::uint8_t>(domain >> shift); };
    EXPECT_THAT(options.records()[0].fields.at(0).octets,
                ::testing::ElementsAre(octet(24), octet(16), octet(8), octet(0)));
  }
}

// RFC 7011 section 3.3.1 allows padding, but Graylog stumbles over it in Template Sets.
TEST(IpfixSets, AreNeverPadded) {
  MessageParser parser;
  for (const bool zones : {false, true}) {
    const auto encoder = make_encoder(kProtocol, zones);
    std::vector<Bytes> messages = encode_templates(*encoder);
    messages.push_back(encode_sampling_options(*encoder));
    messages.push_back(encode_flows(*encoder, every_kind(), kSampleNow, 4000));
    for (const Bytes& message : messages) {
      for (const ParsedSet& set : parser.parse(message).sets) {
        EXPECT_EQ(set.padding, 0U) << "set " << set.id;
      }
    }
  }
}

TEST(IpfixTimes, AreMillisecondsCutOffNotRounded) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  Flow flow = sample::tcp();
  flow.start = at_ns(1'700'000'000'000'999'999);
  flow.end = at_ns(1'700'000'000'001'000'000);
  const auto records = parser.parse(encode_flows(*encoder, {flow})).records();
  ASSERT_EQ(records.size(), 2U);
  for (const ParsedRecord& record : records) {
    EXPECT_EQ(record.number(152), 1'700'000'000'000U);
    EXPECT_EQ(record.number(153), 1'700'000'000'001U);
  }
}

TEST(IpfixFlowId, IsTheSameInBothRecordsAndNeverSignExtended) {
  const auto encoder = make_encoder(kProtocol);
  MessageParser parser = informed_parser(kProtocol);
  Flow flow = sample::tcp();
  flow.id = 0xFFFFFFFE;
  const auto records = parser.parse(encode_flows(*encoder, {flow})).records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].number(148), 0xFFFFFFFEU);
  EXPECT_EQ(records[1].number(148), 0xFFFFFFFEU);
}

}  // namespace
}  // namespace ctflow::test
