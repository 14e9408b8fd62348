// SPDX-License-Identifier: GPL-2.0-or-later
// The contract of ctflow/encoder.hpp, for both protocols, without and with zones.
#include "ctflow/encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

class EncoderContract : public ::testing::TestWithParam<std::tuple<Protocol, bool>> {
 protected:
  [[nodiscard]] std::unique_ptr<Encoder> make() const { return make_encoder(protocol_, zones_); }
  [[nodiscard]] std::vector<RecordText> read(const Bytes& message) {
    return texts_of(parser_.parse(message));
  }
  [[nodiscard]] std::uint16_t id(int plain) const {
    return static_cast<std::uint16_t>(plain + (zones_ ? 64 : 0));
  }

  Protocol protocol_ = std::get<0>(GetParam());
  bool zones_ = std::get<1>(GetParam());
  MessageParser parser_ = informed_parser(protocol_, zones_);
};

INSTANTIATE_TEST_SUITE_P(
    Protocols, EncoderContract,
    ::testing::Combine(::testing::Values(Protocol::kIpfix, Protocol::kNetflow9), ::testing::Bool()),
    [](const auto& tested) {
      const bool ipfix = std::get<0>(tested.param) == Protocol::kIpfix;
      return std::string(ipfix ? "Ipfix" : "Netflow9") +
             (std::get<1>(tested.param) ? "WithZones" : "");
    });

std::vector<std::uint16_t> template_ids(const ParsedMessage& message) {
  std::vector<std::uint16_t> ids;
  for (const ParsedTemplate& record : message.templates()) {
    ids.push_back(record.id);
  }
  return ids;
}

TEST_P(EncoderContract, EveryKindOfFlowComesBack) {
  const auto encoder = make();
  for (const Flow& flow : every_kind()) {
    EXPECT_EQ(read(encode_flows(*encoder, {flow})), expected_records(flow, protocol_, zones_));
  }
}

TEST_P(EncoderContract, ChoosesTheNatTemplateByStatusAndNotByTuples) {
  const auto encoder = make();
  Flow unmarked = sample::snat();
  unmarked.status &= ~(status::kSourceNat | status::kDestinationNat);
  Flow marked = sample::tcp();  // translated to the very same values
  marked.status |= status::kDestinationNat;
  const auto records = parser_.parse(encode_flows(*encoder, {unmarked, marked})).records();
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].template_id, id(1280));
  EXPECT_FALSE(records[0].has(225));
  EXPECT_EQ(records[2].template_id, id(1281));
  EXPECT_EQ(records[2].number(225), records[2].number(8));
  EXPECT_EQ(records[2].number(226), records[2].number(12));
  EXPECT_EQ(records[2].number(227), records[2].number(7));
  EXPECT_EQ(records[2].number(228), records[2].number(11));
}

TEST_P(EncoderContract, OmitsTheResponderWhenNothingCameBack) {
  const auto encoder = make();
  for (Flow flow : every_kind()) {
    flow.reply_counters = {.packets = 0, .octets = 0};
    EXPECT_EQ(parser_.parse(encode_flows(*encoder, {flow})).records().size(), 1U);
    flow.reply_counters = {.packets = 1, .octets = 40};
    EXPECT_EQ(parser_.parse(encode_flows(*encoder, {flow})).records().size(), 2U);
  }
}

// nfdump -B and Filebeat's flow.id join the two records only when the tuples mirror each other.
TEST_P(EncoderContract, ResponderMirrorsTheInitiatorAlsoUnderNat) {
  const auto encoder = make();
  for (Flow flow : every_kind()) {
    flow.reply_counters = {.packets = 3, .octets = 333};
    const auto records = parser_.parse(encode_flows(*encoder, {flow})).records();
    ASSERT_EQ(records.size(), 2U);
    const auto& [there, back] = std::tie(records[0], records[1]);
    const bool v4 = flow.original.family == AddressFamily::kIpv4;
    const std::uint16_t source = v4 ? 8 : 27;
    const std::uint16_t destination = v4 ? 12 : 28;
    ASSERT_TRUE(there.has(source) && back.has(destination));
    EXPECT_EQ(there.find(source)->octets, back.find(destination)->octets);
    EXPECT_EQ(there.find(destination)->octets, back.find(source)->octets);
    EXPECT_EQ(there.number(7), back.number(11));
    EXPECT_EQ(there.number(11), back.number(7));
    EXPECT_EQ(there.number(10), back.number(14));
    EXPECT_EQ(there.number(14), back.number(10));
    EXPECT_EQ(there.number(4), back.number(4));
    EXPECT_EQ(there.number(136), back.number(136));
    for (const std::uint16_t post :
         std::initializer_list<std::uint16_t>{225, 226, 227, 228, 281, 282}) {
      EXPECT_FALSE(back.has(post)) << post;
    }
  }
}

TEST_P(EncoderContract, ExportsPortsOnlyOfProtocolsThatHaveThem) {
  const auto encoder = make();
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    for (Flow flow : {sample::snat(), sample::nat66()}) {
      flow.original.protocol = flow.reply.protocol = static_cast<std::uint8_t>(protocol);
      const bool v4 = flow.original.family == AddressFamily::kIpv4;
      if (protocol == (v4 ? 58U : 1U)) {
        continue;  // the other family's ICMP cannot occur
      }
      EXPECT_EQ(read(encode_flows(*encoder, {flow})), expected_records(flow, protocol_, zones_));
    }
  }
}

TEST_P(EncoderContract, IgnoresWhatLooksLikePortsInIcmpFlows) {
  const auto encoder = make();
  for (Flow flow : {sample::icmp(), sample::icmp_nat(), sample::icmpv6(), sample::icmpv6_nat66()}) {
    flow.original.source_port = flow.reply.destination_port = 0x1234;
    flow.original.destination_port = flow.reply.source_port = 0x5678;
    for (const ParsedRecord& record : parser_.parse(encode_flows(*encoder, {flow})).records()) {
      EXPECT_EQ(record.number(7), 0U);
      EXPECT_EQ(record.number(11), 0U);
      EXPECT_EQ(record.has(227) ? record.number(227) : 0, 0U);
      EXPECT_EQ(record.has(228) ? record.number(228) : 0, 0U);
    }
  }
}

TEST_P(EncoderContract, KeepsCountersOfFull64Bits) {
  const auto encoder = make();
  Flow flow = sample::tcp();
  flow.original_counters = {.packets = 0xFEDCBA9876543210, .octets = 0xFFFFFFFFFFFFFFFF};
  flow.reply_counters = {.packets = 0x8000000000000000, .octets = 0x0123456789ABCDEF};
  EXPECT_EQ(read(encode_flows(*encoder, {flow})), expected_records(flow, protocol_, zones_));
}

TEST_P(EncoderContract, SharesASetUntilTheTemplateChanges) {
  const auto encoder = make();
  const ParsedMessage message = parser_.parse(
      encode_flows(*encoder, {sample::tcp(), sample::tcp(), sample::snat(), sample::dnat()}));
  std::vector<std::pair<unsigned, std::size_t>> sets;
  for (const ParsedSet& set : message.sets) {
    sets.emplace_back(set.id, set.records.size());
  }
  EXPECT_THAT(sets, ::testing::ElementsAre(std::pair(id(1280), 4U), std::pair(id(1281), 1U),
                                           std::pair(id(1280), 1U), std::pair(id(1281), 1U),
                                           std::pair(id(1280), 1U)));
}

TEST_P(EncoderContract, CountsWhatTheOpenMessageCarries) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kDefaultSize);
  encoder->begin(buffer);
  EXPECT_EQ(encoder->content().templates, 0U);
  ASSERT_TRUE(encoder->add_templates());
  EXPECT_EQ(encoder->content().templates, 10U);
  ASSERT_TRUE(encoder->add(sample::tcp()));
  ASSERT_TRUE(encoder->add(sample::snat_silent()));
  EXPECT_EQ(encoder->content().flows, 2U);
  EXPECT_EQ(encoder->content().data_records, 3U);
  EXPECT_EQ(encoder->content().option_records, 0U);
  const Flow tcp = sample::tcp();
  EXPECT_EQ(encoder->content().packets,
            tcp.original_counters.packets + tcp.reply_counters.packets + 1);
  EXPECT_EQ(encoder->content().octets,
            tcp.original_counters.octets + tcp.reply_counters.octets + 73);
  (void)encoder->finish(kSampleNow);

  // RFC 7011 section 2: an Options Template Record is a Template Record.
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add_sampling_options());
  EXPECT_EQ(encoder->content().templates, 1U);
  EXPECT_EQ(encoder->content().option_records, 1U);
  EXPECT_EQ(encoder->content().flows, 0U);
  EXPECT_EQ(encoder->content().data_records, 0U);
  EXPECT_EQ(encoder->content().packets, 0U);
  EXPECT_EQ(encoder->content().octets, 0U);
}

TEST_P(EncoderContract, CountsNoOctetsOfAResponderThatIsNotExported) {
  const auto encoder = make();
  Flow flow = sample::tcp();
  // Two reads of the kernel's counters are not one: a reset in between leaves this.
  flow.reply_counters = {.packets = 0, .octets = 77};
  Bytes buffer = fresh_buffer(kDefaultSize);
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add(flow));
  EXPECT_EQ(encoder->content().octets, flow.original_counters.octets);
}

TEST_P(EncoderContract, LeavesTheMessageUnchangedWhenAFlowDoesNotFit) {
  const auto full = make();
  const auto untouched = make();
  Bytes full_buffer = fresh_buffer(kMinimumMessageSize);
  Bytes untouched_buffer = fresh_buffer(kMinimumMessageSize);
  full->begin(full_buffer);
  untouched->begin(untouched_buffer);
  while (full->add(sample::icmp_nat())) {
    ASSERT_TRUE(untouched->add(sample::icmp_nat()));
  }
  EXPECT_FALSE(full->add(sample::nat66()));
  EXPECT_EQ(full->content().flows, untouched->content().flows);
  EXPECT_EQ(full->content().data_records, untouched->content().data_records);
  EXPECT_EQ(full->content().packets, untouched->content().packets);
  EXPECT_EQ(full->content().octets, untouched->content().octets);
  const auto left = full->finish(kSampleNow);
  const auto right = untouched->finish(kSampleNow);
  EXPECT_THAT(Bytes(left.begin(), left.end()),
              ::testing::ElementsAreArray(right.begin(), right.end()));
}

TEST_P(EncoderContract, FillsMessagesOfEverySizeWithEveryFlowExactlyOnce) {
  std::vector<Flow> flows = every_kind();
  flows.insert(flows.end(), {sample::tcp(), sample::tcp(), sample::udp6(), sample::tcp()});
  const auto expected = expected_of(flows, protocol_, zones_);
  const auto encoder = make();
  for (std::size_t size = kMinimumMessageSize; size <= 1500; ++size) {
    std::vector<RecordText> got;
    for (std::size_t next = 0; next < flows.size();) {
      Bytes buffer = fresh_buffer(size);
      encoder->begin(buffer);
      const std::size_t first = next;
      while (next < flows.size() && encoder->add(flows[next])) {
        ++next;
      }
      ASSERT_GT(next, first) << "a flow does not fit into an empty message of " << size;
      const auto message = encoder->finish(kSampleNow);
      ASSERT_LE(message.size(), size);
      const auto texts = texts_of(parser_.parse(message));
      got.insert(got.end(), texts.begin(), texts.end());
    }
    ASSERT_EQ(got, expected) << size;
  }
}

// Full means full: the flow that was refused would have made the message too long.
TEST_P(EncoderContract, RefusesAFlowOnlyWhenItWouldNotFit) {
  const std::vector<Flow> flows = every_kind();
  for (std::size_t size = kMinimumMessageSize; size <= 1500; ++size) {
    const auto tight = make();
    Bytes buffer = fresh_buffer(size);
    tight->begin(buffer);
    std::vector<Flow> tried;
    do {
      tried.push_back(flows[(size + tried.size()) % flows.size()]);
    } while (tight->add(tried.back()));
    const auto roomy = make();
    ASSERT_GT(encode_flows(*roomy, tried, kSampleNow, 4000).size(), size);
  }
}

TEST_P(EncoderContract, FitsEveryFlowIntoAnEmptyMessageOfTheSmallestSize) {
  const auto encoder = make();
  for (Flow flow : every_kind()) {
    flow.reply_counters = {.packets = 1, .octets = 1};
    EXPECT_EQ(parser_.parse(encode_flows(*encoder, {flow}, kSampleNow, kMinimumMessageSize))
                  .records()
                  .size(),
              2U);
  }
}

TEST_P(EncoderContract, FitsTheSamplingOptionsIntoTheSmallestSize) {
  const auto encoder = make();
  EXPECT_LE(encode_sampling_options(*encoder, kSampleNow, kMinimumMessageSize).size(),
            kMinimumMessageSize);
}

std::size_t statistics_templates(Protocol protocol) { return protocol == Protocol::kIpfix ? 3 : 1; }

TEST_P(EncoderContract, WritesEachOptionsTemplateOnceInAMessageAndInASetOfItsOwn) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  for (int message = 0; message < 2; ++message) {
    encoder->begin(buffer);
    ASSERT_TRUE(encoder->add_sampling_options());
    ASSERT_TRUE(encoder->add_options_templates({true, true, true}));
    ASSERT_TRUE(encoder->add_statistics({}));
    ASSERT_TRUE(encoder->add_interface_name(1, "lo"));
    EXPECT_EQ(encoder->content().templates, 2 + statistics_templates(protocol_));
    EXPECT_EQ(encoder->content().option_records, 2 + statistics_templates(protocol_));
    MessageParser parser;
    const ParsedMessage read = parser.parse(encoder->finish(kSampleNow));
    EXPECT_EQ(read.templates().size(), 2 + statistics_templates(protocol_));
    for (const ParsedSet& set : read.sets) EXPECT_LE(set.templates.size(), 1U);
  }
}

TEST_P(EncoderContract, WritesOnlyTheOptionsTemplatesThatAreAskedFor) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add_options_templates({}));
  EXPECT_EQ(encoder->content().templates, 0U);
  ASSERT_TRUE(encoder->add_options_templates({false, false, true}));
  EXPECT_EQ(encoder->content().templates, 1U);
  MessageParser parser;
  EXPECT_THAT(template_ids(parser.parse(encoder->finish(kSampleNow))), ::testing::ElementsAre(291));
}

TEST_P(EncoderContract, OmitsOptionsTemplatesThatTheSessionBeganWith) {
  const auto encoder = make();
  MessageParser parser;
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add_options_templates({true, true, true}));
  parser.parse(encoder->finish(kSampleNow));
  encoder->omit_options_templates();
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add_sampling_options());
  ASSERT_TRUE(encoder->add_statistics({}));
  ASSERT_TRUE(encoder->add_interface_name(1, "lo"));
  EXPECT_EQ(encoder->content().templates, 0U);
  const ParsedMessage message = parser.parse(encoder->finish(kSampleNow));
  EXPECT_TRUE(message.templates().empty());
  EXPECT_EQ(message.records().size(), 2 + statistics_templates(protocol_));
}

TEST_P(EncoderContract, ForgetsOptionsTemplatesThatDidNotFit) {
  const auto encoder = make();
  Bytes small = fresh_buffer(40);
  encoder->begin(small);
  ASSERT_FALSE(encoder->add_options_templates({true, true, true}));
  EXPECT_EQ(encoder->content().templates, 0U);
  ASSERT_FALSE(encoder->add_sampling_options());
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add_sampling_options());
  EXPECT_EQ(encoder->content().templates, 1U);
}

TEST_P(EncoderContract, FillsTheLargestMessage) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kMaximumMessageSize);
  encoder->begin(buffer);
  std::vector<Flow> flows;
  while (encoder->add(sample::tcp())) {
    flows.push_back(sample::tcp());
  }
  EXPECT_GT(flows.size(), 400U);
  const auto message = encoder->finish(kSampleNow);
  EXPECT_LE(message.size(), kMaximumMessageSize);
  EXPECT_EQ(texts_of(parser_.parse(message)), expected_of(flows, protocol_, zones_));
}

TEST_P(EncoderContract, SpreadsTemplatesOverMessagesOfTheSmallestSize) {
  const auto encoder = make();
  const auto messages = encode_templates(*encoder, kMinimumMessageSize);
  ASSERT_EQ(messages.size(), 2U);
  std::vector<std::uint16_t> ids;
  MessageParser parser;
  for (const Bytes& message : messages) {
    EXPECT_LE(message.size(), kMinimumMessageSize);
    for (const std::uint16_t added : template_ids(parser.parse(message))) {
      ids.push_back(added);
    }
  }
  EXPECT_THAT(ids, ::testing::ElementsAre(id(1280), id(1281), id(1282), id(1283), id(1284),
                                          id(1285), id(1286), id(1287), id(1288), id(1289)));
  EXPECT_EQ(parser.known_templates(), 10U);
}

TEST_P(EncoderContract, AddsTemplatesOnlyOnceUntilTheyAreRestarted) {
  const auto encoder = make();
  const auto all = encode_templates(*encoder);
  ASSERT_EQ(all.size(), 1U);
  Bytes buffer = fresh_buffer(kDefaultSize);
  encoder->begin(buffer);
  EXPECT_TRUE(encoder->add_templates());
  EXPECT_EQ(encoder->content().templates, 0U);
  ASSERT_TRUE(encoder->add(sample::tcp()));
  EXPECT_TRUE(parser_.parse(encoder->finish(kSampleNow)).templates().empty());
  encoder->restart_templates();
  const auto again = encode_templates(*encoder);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(parser_.parse(again[0]).templates(), parser_.parse(all[0]).templates());
}

TEST_P(EncoderContract, RestartsHalfSentTemplatesAtTheFirst) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder->begin(buffer);
  ASSERT_FALSE(encoder->add_templates());
  (void)encoder->finish(kSampleNow);
  encoder->restart_templates();
  EXPECT_EQ(template_ids(parser_.parse(encode_templates(*encoder).at(0))).size(), 10U);
}

TEST_P(EncoderContract, LetsFlowsFollowTemplatesInTheSameMessage) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kDefaultSize);
  encoder->begin(buffer);
  ASSERT_TRUE(encoder->add_templates());
  ASSERT_TRUE(encoder->add(sample::snat()));
  MessageParser parser;
  const ParsedMessage message = parser.parse(encoder->finish(kSampleNow));
  EXPECT_EQ(message.templates().size(), 10U);
  EXPECT_EQ(texts_of(message), expected_records(sample::snat(), protocol_, zones_));
}

TEST_P(EncoderContract, DefersTemplatesThatDoNotFitBehindFlows) {
  const auto encoder = make();
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder->begin(buffer);
  std::vector<Flow> flows;
  while (encoder->add(sample::tcp())) {
    flows.push_back(sample::tcp());
  }
  EXPECT_FALSE(encoder->add_templates());
  const auto message = parser_.parse(encoder->finish(kSampleNow));
  EXPECT_EQ(texts_of(message), expected_of(flows, protocol_, zones_));
  std::size_t sent = message.templates().size();
  for (const Bytes& rest : encode_templates(*encoder)) {
    sent += parser_.parse(rest).templates().size();
  }
  EXPECT_EQ(sent, 10U);
}

}  // namespace
}  // namespace ctflow::test
