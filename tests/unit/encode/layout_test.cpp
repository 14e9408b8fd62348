// SPDX-License-Identifier: GPL-2.0-or-later
// The records of each profile, read back by the strict collector of the tests.
#include "encode/layout.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "encode/flow_records.hpp"
#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

struct Session {
  std::unique_ptr<Encoder> encoder;
  MessageParser parser;
  std::vector<ParsedTemplate> templates;
};

Session open(Protocol protocol, EncoderOptions options) {
  options.observation_domain = kSampleDomain;
  Session session;
  if (protocol == Protocol::kIpfix) {
    session.encoder = std::make_unique<IpfixEncoder>(options);
  } else {
    session.encoder = std::make_unique<Netflow9Encoder>(options, kSampleBoot);
  }
  for (const Bytes& message : encode_templates(*session.encoder)) {
    for (const ParsedTemplate& one : session.parser.parse(message).templates()) {
      session.templates.push_back(one);
    }
  }
  return session;
}

Session open(Protocol protocol, LayoutKind layout) {
  EncoderOptions options;
  options.layout = layout;
  return open(protocol, options);
}

std::vector<ParsedRecord> records(Session& session, const Flow& flow, TimePoint now = kSampleNow) {
  return session.parser.parse(encode_flows(*session.encoder, {flow}, now)).records();
}

std::string layout_of(const ParsedTemplate& layout) {
  std::string text;
  for (const FieldSpecifier& field : layout.fields) {
    if (!text.empty()) text += ' ';
    if (field.enterprise != 0) text += fmt::format("{}/", field.enterprise);
    text += fmt::format("{}:{}", field.element, field.length);
  }
  return text;
}

/// Id and layout of all templates. EXTEND, NEVER CHANGE (see traps_test.cpp).
std::map<int, std::string> layouts(const Session& session) {
  std::map<int, std::string> all;
  for (const ParsedTemplate& one : session.templates) all[one.id] = layout_of(one);
  return all;
}

Flow with_routing(Flow flow) {
  flow.original_routing.next_hop.octets = {192, 0, 2, 254};
  flow.original_routing.source_prefix_length = 24;
  flow.original_routing.destination_prefix_length = 16;
  flow.original_routing.ingress_vrf = 1001;
  flow.reply_routing.egress_vrf = 1001;
  flow.reply_routing.source_prefix_length = 16;
  flow.reply_routing.destination_prefix_length = 24;
  return flow;
}

TEST(Layout, MinimalHasOneTemplatePerFamily) {
  EXPECT_EQ(
      layouts(open(Protocol::kIpfix, LayoutKind::kMinimal)),
      (std::map<int, std::string>{{768, "8:4 12:4 1:8 2:8 152:8 153:8 7:2 11:2 4:1 136:1"},
                                  {769, "27:16 28:16 1:8 2:8 152:8 153:8 7:2 11:2 4:1 136:1"}}));
  EXPECT_EQ(
      layouts(open(Protocol::kNetflow9, LayoutKind::kMinimal)),
      (std::map<int, std::string>{{768, "8:4 12:4 1:8 2:8 22:4 21:4 7:2 11:2 4:1 136:1"},
                                  {769, "27:16 28:16 1:8 2:8 22:4 21:4 7:2 11:2 4:1 136:1"}}));
}

TEST(Layout, MinimalRecordsAreMirrored) {
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    Session session = open(protocol, LayoutKind::kMinimal);
    const Flow flow = sample::snat();
    const auto all = records(session, flow);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].template_id, 768);
    EXPECT_EQ(all[0].number(1), flow.original_counters.octets);
    EXPECT_EQ(all[1].number(1), flow.reply_counters.octets);
    EXPECT_EQ(all[0].number(7), flow.original.source_port);
    EXPECT_EQ(all[1].number(11), flow.original.source_port);
    EXPECT_EQ(all[0].find(8)->octets, all[1].find(12)->octets);
  }
}

TEST(Layout, ABiflowIsTheDefaultRecordWithTheOtherDirectionsCounters) {
  const auto basic = layouts(open(Protocol::kIpfix, LayoutKind::kDefault));
  const auto biflow = layouts(open(Protocol::kIpfix, LayoutKind::kBiflow));
  ASSERT_EQ(biflow.size(), basic.size());
  for (const auto& [id, layout] : basic) {
    EXPECT_EQ(biflow.at(id + 256), layout + " 29305/1:8 29305/2:8 239:1");
  }
}

TEST(Layout, ABiflowIsOneRecord) {
  Session session = open(Protocol::kIpfix, LayoutKind::kBiflow);
  const Flow flow = sample::snat();
  const auto all = records(session, flow);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].template_id, 1537);
  EXPECT_EQ(all[0].number(1), flow.original_counters.octets);
  EXPECT_EQ(session.encoder->content().data_records, 1U);
  EXPECT_EQ(session.encoder->content().packets,
            flow.original_counters.packets + flow.reply_counters.packets);
  std::map<int, std::uint64_t> reverse;
  for (const ParsedField& field : all[0].fields) {
    if (field.specifier.enterprise != 29305) continue;
    std::uint64_t value = 0;
    for (const std::uint8_t octet : field.octets) value = value << 8 | octet;
    reverse[field.specifier.element] = value;
  }
  EXPECT_EQ(reverse, (std::map<int, std::uint64_t>{{1, flow.reply_counters.octets},
                                                   {2, flow.reply_counters.packets}}));
  EXPECT_EQ(all[0].number(239), 1U);
}

TEST(Layout, EveryChoiceHasTemplateIdsOfItsOwn) {
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    std::map<int, std::string> all;
    for (const LayoutKind kind : {LayoutKind::kDefault, LayoutKind::kBiflow, LayoutKind::kMinimal,
                                  LayoutKind::kNatEvents}) {
      if (kind == LayoutKind::kBiflow && protocol == Protocol::kNetflow9) continue;  // refused
      for (int bits = 0; bits < 16; ++bits) {
        EncoderOptions options;
        options.layout = kind;
        options.zones = (bits & 1) != 0;
        options.next_hop = (bits & 2) != 0;
        options.extras = (bits & 4) != 0;
        options.packet_properties = (bits & 8) != 0;
        for (const auto& [id, layout] : layouts(open(protocol, options))) {
          const auto [known, added] = all.try_emplace(id, layout);
          EXPECT_EQ(known->second, layout) << "template " << id;
        }
      }
    }
    EXPECT_FALSE(all.contains(290)) << "the sampler's";
    for (const auto& [id, layout] : all) {
      for (const int first : {256, 512, 256 + 2048, 512 + 2048}) {
        EXPECT_FALSE(id >= first && id < first + 218) << id << " stood for another layout";
      }
    }
  }
}

TEST(Layout, NextHopAndPrefixLengthsFollowTheirDirection) {
  EncoderOptions options;
  options.next_hop = true;
  Session session = open(Protocol::kIpfix, options);
  const auto all = records(session, with_routing(sample::tcp()));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].template_id, 1280 + 2048);
  EXPECT_EQ(all[0].number(15), 0xc00002feU);
  EXPECT_EQ(all[0].number(9), 24U);
  EXPECT_EQ(all[0].number(13), 16U);
  EXPECT_EQ(all[1].number(15), 0U);
  EXPECT_EQ(all[1].number(9), 16U);
  EXPECT_EQ(all[1].number(13), 24U);
  const auto layout = layouts(session);
  EXPECT_NE(layout.at(1284 + 2048).find(" 62:16 29:1 30:1"), std::string::npos);
  EXPECT_NE(layout.at(1286 + 2048).find(" 15:4 29:1 13:1"), std::string::npos);
}

TEST(Layout, AVrfTakesThePlaceOfTheZone) {
  EncoderOptions options;
  options.zones = true;
  Session session = open(Protocol::kIpfix, options);
  Flow flow = with_routing(sample::tcp());
  flow.original.zone = 5;
  flow.reply.zone = 6;
  const auto all = records(session, flow);
  EXPECT_EQ(all[0].number(234), 1001U);
  EXPECT_EQ(all[0].number(235), 6U);
  EXPECT_EQ(all[1].number(234), 6U);
  EXPECT_EQ(all[1].number(235), 1001U);
}

TEST(Layout, NatEventsHaveATemplatePerTranslation) {
  const std::string times = "323:8 152:8 153:8 ";
  const std::string rest = " 7:2 11:2 227:2 228:2 4:1 230:1";
  EXPECT_EQ(layouts(open(Protocol::kIpfix, LayoutKind::kNatEvents)),
            (std::map<int, std::string>{{1024, times + "8:4 12:4 225:4 226:4" + rest},
                                        {1025, times + "27:16 28:16 281:16 282:16" + rest},
                                        {1026, times + "27:16 28:16 225:4 226:4" + rest}}));
  const std::string relative = "323:8 22:4 21:4 ";
  EXPECT_EQ(layouts(open(Protocol::kNetflow9, LayoutKind::kNatEvents)),
            (std::map<int, std::string>{{1024, relative + "8:4 12:4 225:4 226:4" + rest},
                                        {1025, relative + "27:16 28:16 281:16 282:16" + rest},
                                        {1026, relative + "27:16 28:16 225:4 226:4" + rest}}));
}

TEST(Layout, NatEventsTellWhenATranslationBeganAndEnded) {
  const TimePoint time = kSampleNow - std::chrono::seconds(3);
  const auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count());
  const struct {
    Flow flow;
    int template_id;
    std::uint64_t created, ended;
  } cases[] = {
      {sample::snat(), 1024, 4, 5}, {sample::nat66(), 1025, 1, 2}, {sample::nat64(), 1026, 6, 7}};
  for (const auto& [sample, template_id, created, ended] : cases) {
    Session session = open(Protocol::kIpfix, LayoutKind::kNatEvents);
    for (const FlowEvent event :
         {FlowEvent::kCreated, FlowEvent::kEnded, FlowEvent::kEndedBefore}) {
      Flow flow = sample;
      flow.event = event;
      flow.event_time = time;
      const auto all = records(session, flow);
      ASSERT_EQ(all.size(), 1U);
      EXPECT_EQ(all[0].template_id, template_id);
      EXPECT_EQ(all[0].number(230), event == FlowEvent::kCreated ? created : ended);
      for (const int element : {323, 152, 153}) {
        EXPECT_EQ(all[0].number(static_cast<std::uint16_t>(element)), milliseconds);
      }
      EXPECT_EQ(all[0].number(227), flow.reply.destination_port);
      EXPECT_EQ(session.encoder->content().packets, 0U);
    }
  }
}

TEST(Layout, NatEventsOfIcmpCarryTheIdentifierAsSourcePort) {
  Session session = open(Protocol::kIpfix, LayoutKind::kNatEvents);
  Flow flow = sample::icmp_nat();
  flow.original.icmp_id = 77;
  flow.reply.icmp_id = 78;
  flow.event = FlowEvent::kCreated;
  const auto all = records(session, flow);
  EXPECT_EQ(all[0].number(7), 77U);
  EXPECT_EQ(all[0].number(227), 78U);
  EXPECT_EQ(all[0].number(11), 0U);
}

TEST(Layout, NatEventTimesOfNetflow9AreThoseOfTheEvent) {
  Session session = open(Protocol::kNetflow9, LayoutKind::kNatEvents);
  Flow flow = sample::snat();
  flow.event = FlowEvent::kEnded;
  flow.event_time = kSampleNow - std::chrono::seconds(3);
  const ParsedMessage message =
      session.parser.parse(encode_flows(*session.encoder, {flow}, kSampleNow));
  const auto all = message.records();
  ASSERT_EQ(all.size(), 1U);
  const auto expected =
      std::chrono::floor<std::chrono::milliseconds>(flow.event_time.time_since_epoch()).count();
  EXPECT_EQ(message.base_ms() + static_cast<std::int64_t>(all[0].number(22)), expected);
  EXPECT_EQ(message.base_ms() + static_cast<std::int64_t>(all[0].number(21)), expected);
}

TEST(Layout, ADirectionInWhichNothingCameHasNoRecord) {
  Session session = open(Protocol::kIpfix, LayoutKind::kDefault);
  Flow flow = sample::tcp();
  flow.original_counters = {};
  auto all = records(session, flow);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].number(1), flow.reply_counters.octets);
  EXPECT_EQ(session.encoder->content().data_records, 1U);
  flow.reply_counters = {};
  all = records(session, flow);
  ASSERT_EQ(all.size(), 1U) << "something must be told";
}

TEST(Layout, TheExportTimeIsNeverBeforeWhatTheMessageTells) {
  Session session = open(Protocol::kIpfix, LayoutKind::kDefault);
  const Flow flow = sample::tcp();
  const ParsedMessage message = session.parser.parse(
      encode_flows(*session.encoder, {flow}, flow.end - std::chrono::hours(1)));
  EXPECT_GE(TimePoint(std::chrono::seconds(message.export_time)), flow.end);
}

TEST(Layout, ElementsMakeATemplateForEachFamily) {
  EncoderOptions options;
  options.elements = {"sourceIPv6Address", "sourceIPv4Address", "protocolIdentifier",
                      "octetDeltaCount"};
  const Session session = open(Protocol::kIpfix, options);
  ASSERT_EQ(session.templates.size(), 2U);
  EXPECT_EQ(layout_of(session.templates[0]), "8:4 4:1 1:8");
  EXPECT_EQ(layout_of(session.templates[1]), "27:16 4:1 1:8");
  EXPECT_GE(session.templates[0].id, 32768);
  EXPECT_NE(session.templates[0].id, session.templates[1].id);
  options.elements.pop_back();
  const Session other = open(Protocol::kIpfix, options);
  EXPECT_NE(other.templates[0].id, session.templates[0].id);
  EXPECT_EQ(layouts(open(Protocol::kIpfix, options)), layouts(other)) << "the same after a restart";
}

/// Templates and the records of every kind of connection, by the session's elements.
std::map<std::string, std::size_t> record_counts(Session& session) {
  const auto all = layouts(session);
  std::map<std::string, std::size_t> counts;
  for (const Flow& flow : every_kind()) {
    for (const ParsedRecord& record : records(session, flow)) ++counts[all.at(record.template_id)];
  }
  return counts;
}

TEST(Layout, ElementsOfTheOtherFamilyBehindATranslationAreLeftOut) {
  EncoderOptions options;
  options.elements = {"octetDeltaCount", "postNATSourceIPv4Address", "postNATSourceIPv6Address",
                      "postNAPTSourceTransportPort"};
  Session session = open(Protocol::kIpfix, options);
  ASSERT_EQ(session.templates.size(), 2U) << "IPv6 to IPv4 has the elements of IPv4";
  EXPECT_EQ(layout_of(session.templates[0]), "1:8 225:4 227:2");
  EXPECT_EQ(layout_of(session.templates[1]), "1:8 281:16 227:2");
  const Flow nat64 = sample::nat64();
  const auto both = records(session, nat64);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].template_id, session.templates[0].id) << "leaves as IPv4";
  EXPECT_EQ(both[1].template_id, session.templates[1].id) << "goes back as IPv6";
  options.elements.insert(options.elements.begin(), {"sourceIPv4Address", "sourceIPv6Address"});
  Session with_addresses = open(Protocol::kIpfix, options);
  const auto counts = record_counts(with_addresses);
  EXPECT_EQ(counts.size(), 3U);
  EXPECT_TRUE(counts.contains("8:4 1:8 225:4 227:2"));
  EXPECT_TRUE(counts.contains("27:16 1:8 281:16 227:2"));
  EXPECT_TRUE(counts.contains("27:16 1:8 225:4 227:2"));
}

TEST(Layout, ElementsOfIcmpAreInItsRecordsAlone) {
  EncoderOptions options;
  options.elements = {"protocolIdentifier", "icmpTypeCodeIPv4", "icmpTypeCodeIPv6"};
  Session session = open(Protocol::kIpfix, options);
  EXPECT_EQ(session.templates.size(), 3U);
  for (const Flow& flow : every_kind()) {
    for (const ParsedRecord& record : records(session, flow)) {
      EXPECT_EQ(record.has(32), flow.original.protocol == 1);
      EXPECT_EQ(record.has(139), flow.original.protocol == 58);
    }
  }
}

TEST(Layout, ElementsOfTheNextHopHaveTheFamilyBehindTheTranslation) {
  EncoderOptions options;
  options.elements = {
      "octetDeltaCount",        "ipNextHopIPv4Address",        "ipNextHopIPv6Address",
      "sourceIPv6PrefixLength", "destinationIPv4PrefixLength", "destinationIPv6PrefixLength"};
  Session session = open(Protocol::kIpfix, options);
  const auto both = records(session, with_routing(sample::nat64()));
  const auto all = layouts(session);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(all.at(both[0].template_id), "1:8 15:4 29:1 13:1");
  EXPECT_EQ(all.at(both[1].template_id), "1:8 62:16 29:1 30:1");
}

TEST(Layout, ElementsThatNoKindSeparatesShareATemplate) {
  EncoderOptions options;
  options.elements = {"octetDeltaCount", "packetDeltaCount"};
  Session session = open(Protocol::kIpfix, options);
  EXPECT_EQ(session.templates.size(), 1U);
  EXPECT_EQ(record_counts(session).size(), 1U);
}

TEST(Layout, ElementsOfEitherTimeGoInAnyOrder) {
  EncoderOptions options;
  options.elements = {"flowEndSysUpTime", "octetDeltaCount"};
  Session session = open(Protocol::kNetflow9, options);
  const Flow flow = sample::tcp();
  const ParsedMessage message =
      session.parser.parse(encode_flows(*session.encoder, {flow}, kSampleNow));
  const auto expected =
      std::chrono::floor<std::chrono::milliseconds>(flow.end.time_since_epoch()).count();
  EXPECT_EQ(message.base_ms() + static_cast<std::int64_t>(message.records().at(0).number(21)),
            expected);
}

// The last Template ID that there is.
TEST(Layout, ElementsMayHaveTheTemplateId65535) {
  EncoderOptions options;
  options.elements = {"protocolIdentifier", "flowEndReason", "octetDeltaCount", "ipVersion",
                      "sourceTransportPort"};
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    Session session = open(protocol, options);
    ASSERT_EQ(session.templates.size(), 1U);
    ASSERT_EQ(session.templates[0].id, 65535);
    const Flow flow = sample::tcp();
    const auto all = records(session, flow);
    ASSERT_EQ(all.size(), 2U) << "they are in a Set";
    EXPECT_EQ(all[0].number(1), flow.original_counters.octets);
    EXPECT_EQ(all[1].number(1), flow.reply_counters.octets);
  }
}

/// userName (371) of a record.
std::string user_of(const ParsedRecord& record) {
  const auto& octets = record.find(371)->octets;
  return {octets.begin(), octets.end()};
}

// RFC 7011 section 7.
TEST(Layout, StringsHaveTheirOwnLengthInIpfix) {
  EncoderOptions options;
  options.elements = {"protocolIdentifier", "userName", "octetDeltaCount"};
  Session session = open(Protocol::kIpfix, options);
  ASSERT_EQ(session.templates.size(), 1U);
  EXPECT_EQ(layout_of(session.templates[0]), "4:1 371:65535 1:8");
  Flow flow = sample::tcp();
  for (const std::string& user :
       {std::string(), std::string("a"), std::string("B\u00e4r"), std::string(63, 'x')}) {
    flow.user = user;
    const Bytes message = encode_flows(*session.encoder, {flow});
    EXPECT_EQ(message.size(), 16 + 4 + 2 * (1 + 1 + user.size() + 8));
    EXPECT_EQ(std::to_integer<std::size_t>(message[16 + 4 + 1]), user.size());
    const auto all = session.parser.parse(message).records();
    ASSERT_EQ(all.size(), 2U);
    for (const ParsedRecord& record : all) EXPECT_EQ(user_of(record), user);
    EXPECT_EQ(all[0].number(1), flow.original_counters.octets);
    EXPECT_EQ(all[1].number(1), flow.reply_counters.octets);
  }
  const std::string too_long(300, 'x');  // no file has one
  flow.user = too_long;
  EXPECT_EQ(user_of(records(session, flow).at(0)), std::string(63, 'x'));
}

// RFC 7011 section 3.2: the Enterprise bit, the length, then the number.
TEST(Layout, OwnElementsStandBelowTheNumberOfTheUser) {
  EncoderOptions options;
  options.elements = {"octetDeltaCount", "conntrackMark", "destinationCountry"};
  options.enterprise_number = 32473;
  Session session = open(Protocol::kIpfix, options);
  ASSERT_EQ(session.templates.size(), 1U);
  const auto& fields = session.templates[0].fields;
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields[0].enterprise, 0U);
  EXPECT_EQ(fields[1].element, 1);
  EXPECT_EQ(fields[1].enterprise, 32473U);
  EXPECT_EQ(fields[1].length, 4);
  EXPECT_EQ(fields[2].element, 3);
  EXPECT_EQ(fields[2].enterprise, 32473U);
  EXPECT_EQ(fields[2].length, 65535);
  Flow flow = sample::tcp();
  flow.mark = 0x01020304;
  flow.responder_origin.country = {'F', 'R'};
  const Bytes message = encode_flows(*session.encoder, {flow});
  const Bytes::size_type first = 16 + 4 + 8;  // behind headers and octets
  const Bytes expected{std::byte{1}, std::byte{2},   std::byte{3},  std::byte{4},
                       std::byte{2}, std::byte{'F'}, std::byte{'R'}};
  ASSERT_GE(message.size(), first + expected.size());
  EXPECT_EQ(Bytes(message.begin() + first, message.begin() + first + 7), expected);
  options.enterprise_number = 32474;
  EXPECT_NE(open(Protocol::kIpfix, options).templates[0].id, session.templates[0].id)
      << "a collector that keeps templates would take the one for the other";
}

TEST(Layout, StringsArePaddedWithZerosInNetflow9) {
  EncoderOptions options;
  options.elements = {"protocolIdentifier", "userName", "octetDeltaCount"};
  Session session = open(Protocol::kNetflow9, options);
  ASSERT_EQ(session.templates.size(), 1U);
  EXPECT_EQ(layout_of(session.templates[0]), "4:1 371:64 1:8");
  Flow flow = sample::tcp();
  for (const std::string& user : {std::string(), std::string("anna"), std::string(63, 'x')}) {
    flow.user = user;
    const auto all = records(session, flow);
    ASSERT_EQ(all.size(), 2U);
    for (const ParsedRecord& record : all) {
      EXPECT_EQ(user_of(record), user + std::string(64 - user.size(), '\0'));
    }
    EXPECT_EQ(all[1].number(1), flow.reply_counters.octets);
  }
}

TEST(Layout, ManyTinyRecordsOfNetflow9KeepTheirTimes) {
  EncoderOptions options;
  options.elements = {"flowStartSysUpTime"};
  Session session = open(Protocol::kNetflow9, options);
  const std::vector<Flow> flows(150, sample::tcp());
  const ParsedMessage message =
      session.parser.parse(encode_flows(*session.encoder, flows, kSampleNow));
  ASSERT_EQ(message.records().size(), 300U);
  EXPECT_EQ(message.records().front().number(22), message.records().back().number(22));
  EXPECT_NE(message.records().back().number(22), 0U);
}

/// Both records of a flow report at once are what one after the other would be.
TEST(Layout, WritesBothRecordsAsOneAfterTheOther) {
  std::size_t compared = 0;
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    for (const unsigned choice : {0U, 1U, 2U, 3U, 4U, 7U, 15U}) {
      EncoderOptions options;
      options.zones = (choice & 1U) != 0;
      options.extras = (choice & 2U) != 0;
      options.packet_properties = options.extras && (choice & 8U) != 0;
      options.next_hop = (choice & 4U) != 0;
      const Layout layout(protocol, options);
      for (Flow flow : {sample::tcp(), sample::udp6(), sample::icmp(), sample::icmpv6()}) {
        flow.reply_counters = {77, 7777};
        flow.original_interfaces = {3, 4};
        flow.reply_interfaces = {5, 6};
        flow.extras.present = options.extras;
        flow.extras.original.ttl_min = 9;
        flow.extras.reply.length_max = 999;
        const Template* const both = template_of_both(layout, flow);
        ASSERT_NE(both, nullptr);
        EXPECT_EQ(both, records_of(layout, flow).first);
        EXPECT_EQ(both, records_of(layout, flow).second);
        std::vector<std::byte> one_by_one(std::size_t{2} * both->length);
        WireWriter writer(one_by_one);
        both->encode(writer, {flow, true}, *both);
        both->encode(writer, {flow, false}, *both);
        ASSERT_EQ(writer.size(), one_by_one.size());
        std::vector<std::byte> at_once(one_by_one.size(), std::byte{0xee});
        both->encode_both(at_once.data(), flow, *both);
        EXPECT_TRUE(at_once == one_by_one) << "template " << both->id;
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 2U * 7U * 4U);
}

TEST(Layout, HasNoTemplateOfBothWhereThereIsOneRecordOrATranslation) {
  const Layout layout(Protocol::kIpfix, {});
  Flow silent = sample::tcp();
  silent.reply_counters = {};
  EXPECT_EQ(template_of_both(layout, silent), nullptr);
  Flow answer_only = sample::tcp();
  answer_only.original_counters = {};
  EXPECT_EQ(template_of_both(layout, answer_only), nullptr);
  EXPECT_EQ(template_of_both(layout, sample::snat()), nullptr);
  EncoderOptions biflow;
  biflow.layout = LayoutKind::kBiflow;
  EXPECT_EQ(template_of_both(Layout(Protocol::kIpfix, biflow), sample::tcp()), nullptr);
}

}  // namespace
}  // namespace ctflow::test
