// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/elements.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

std::vector<std::uint8_t> octets_of(std::span<const std::byte> room) {
  std::vector<std::uint8_t> octets;
  octets.reserve(room.size());
  for (const std::byte octet : room) octets.push_back(std::to_integer<std::uint8_t>(octet));
  return octets;
}

/// What a record of `flow` has for one element; nothing if it has none.
std::vector<std::uint8_t> value_of(const std::string& name, const Flow& flow, bool responder) {
  const std::vector<Field> fields =
      fields_of({name}, record_kind(Record{flow, !responder}), Protocol::kNetflow9);
  if (fields.empty()) return {};
  std::vector<std::byte> room(fields[0].length);
  fields[0].write(room.data(), Record{flow, !responder});
  return octets_of(room);
}

std::vector<std::uint8_t> octets_of(const IpAddress& address, std::size_t count) {
  return {address.octets.begin(), address.octets.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(Elements, AreFoundByName) {
  ASSERT_NE(find_element("sourceIPv4Address"), nullptr);
  EXPECT_EQ(find_element("sourceIPv4Address")->id, 8);
  EXPECT_EQ(find_element("sourceIpv4Address"), nullptr);
  EXPECT_EQ(find_element(""), nullptr);
}

TEST(Elements, HaveEachNameAndIdOnce) {
  std::set<std::string> names;
  std::set<std::pair<bool, int>> ids;
  for (const std::string& name : element_names()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    const Element& element = *find_element(name);
    EXPECT_TRUE(ids.insert({element.own, element.id}).second) << name;
  }
}

/// The octets that a value has in a record with so many octets for it.
std::vector<std::uint8_t> octets_of(const Value& value, std::size_t length) {
  std::vector<std::uint8_t> octets(length);
  const auto put_number = [&](std::uint64_t number) {
    for (std::size_t i = 0; i < length; ++i) {
      octets[length - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
  };
  if (const auto* number = std::get_if<std::uint64_t>(&value)) put_number(*number);
  if (const auto* time = std::get_if<Milliseconds>(&value)) {
    put_number(static_cast<std::uint64_t>(time->time_since_epoch().count()));
  }
  if (const auto* ipv4 = std::get_if<Ipv4Address>(&value)) {
    std::copy(ipv4->octets.begin(), ipv4->octets.end(), octets.begin());
  }
  if (const auto* ipv6 = std::get_if<Ipv6Address>(&value)) {
    std::copy(ipv6->octets.begin(), ipv6->octets.end(), octets.begin());
  }
  if (const auto* mac = std::get_if<MacAddress>(&value)) {
    std::copy(mac->octets.begin(), mac->octets.end(), octets.begin());
  }
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    std::copy(text->begin(), text->end(), octets.begin());
  }
  return octets;
}

template <typename Source>
void expect_octets_of_value(const Element& element, const Accessor<Source>& accessor,
                            const Source& source) {
  if (!accessor.present) return;
  std::vector<std::byte> room(std::size_t{element.length} + 2, std::byte{0xee});
  accessor.write(room.data() + 1, source);
  EXPECT_EQ(room.front(), std::byte{0xee}) << element.name;
  EXPECT_EQ(room.back(), std::byte{0xee}) << element.name << " is longer than it says";
  EXPECT_EQ(octets_of(std::span(room).subspan(1, element.length)),
            octets_of(accessor.value(source), element.length))
      << element.name;
}

/// Whether a value is of the type that the row says.
bool is_of(DataType type, const Value& value) {
  switch (type) {
    case DataType::kIpv4Address:
      return std::holds_alternative<Ipv4Address>(value);
    case DataType::kIpv6Address:
      return std::holds_alternative<Ipv6Address>(value);
    case DataType::kMacAddress:
      return std::holds_alternative<MacAddress>(value);
    case DataType::kDateTimeMilliseconds:
      return std::holds_alternative<Milliseconds>(value);
    case DataType::kString:
      return std::holds_alternative<std::string_view>(value);
    default:
      return std::holds_alternative<std::uint64_t>(value);
  }
}

TEST(Elements, HaveTheSameValueAsOctetsAndAsAValue) {
  const OptionsRecord options{1, 2, {3, 4, 5, 6, 7, 8, 9, 10}, 11, "lan"};
  for (const Element& element : elements()) {
    expect_octets_of_value(element, element.options, options);
    for (Flow flow : every_kind()) {
      flow.event_time = flow.end + std::chrono::milliseconds(5);
      flow.extras.original.tcp_control_bits = 0x1b;
      flow.initiator_mac = 0x02005e0053f1;
      flow.user = "anna";
      for (const bool initiator : {true, false}) {
        expect_octets_of_value(element, element.record, Record{flow, initiator});
      }
      expect_octets_of_value(element, element.nat_event, Record{flow, true});
    }
  }
}

TEST(Elements, HaveValuesOfTheirType) {
  const Flow flow = sample::tcp();
  const Record record{flow, true};
  for (const Element& element : elements()) {
    if (element.record.present && element.protocols != Protocols::kNetflow9) {
      EXPECT_TRUE(is_of(element.type, element.record.value(record))) << element.name;
    }
    if (element.nat_event.present) {
      EXPECT_TRUE(is_of(element.type, element.nat_event.value(record))) << element.name;
    }
    if (element.options.present) {
      EXPECT_TRUE(is_of(element.type, element.options.value({}))) << element.name;
    }
  }
}

// A value is the whole of it also where a record has it in fewer octets.
TEST(Elements, KeepControlBitsThatTheRecordHasNoRoomFor) {
  Flow flow = sample::tcp();
  flow.extras.original.tcp_control_bits = 0x11b;
  const Element& bits = *find_element("tcpControlBits");
  EXPECT_EQ(std::get<std::uint64_t>(bits.record.value({flow, true})), 0x11bU);
  EXPECT_EQ(value_of("tcpControlBits", flow, false), (std::vector<std::uint8_t>{0x1b}));
}

TEST(Elements, OfNatEventsAndOptionsAreInNoFlowRecord) {
  for (const char* name : {"natEvent", "observationTimeMilliseconds", "biflowDirection",
                           "samplingInterval", "interfaceName", "observationDomainId"}) {
    EXPECT_EQ(find_element(name), nullptr) << name;
  }
}

TEST(Elements, BelongToTheirFamily) {
  EXPECT_EQ(fields_of({"sourceIPv4Address", "octetDeltaCount"}, RecordKind::kIpv6, Protocol::kIpfix)
                .size(),
            1U);
  EXPECT_EQ(fields_of({"sourceIPv6Address", "octetDeltaCount"}, RecordKind::kIpv4, Protocol::kIpfix)
                .size(),
            1U);
  EXPECT_EQ(fields_of({"nonsense"}, RecordKind::kIpv4, Protocol::kIpfix).size(), 0U);
}

// What is exported once must keep its id: whoever gave the number reads it by that.
TEST(Elements, ThatIanaDoesNotHaveKeepTheirIds) {
  std::vector<std::string> own;
  for (const Element& element : own_elements()) {
    EXPECT_TRUE(element.own) << element.name;
    EXPECT_FALSE(fits(element, Protocol::kNetflow9)) << element.name;
    own.push_back(std::string(element.name) + " " + std::to_string(element.id));
  }
  EXPECT_EQ(own, (std::vector<std::string>{"conntrackMark 1", "sourceCountry 2",
                                           "destinationCountry 3"}));
  for (const Element& element : elements()) EXPECT_FALSE(element.own) << element.name;
}

TEST(Elements, HaveAnOwnerOnlyWhereIanaDoesNotHaveThem) {
  const auto fields = fields_of({"octetDeltaCount", "conntrackMark", "userName", "sourceCountry"},
                                RecordKind::kIpv6, Protocol::kIpfix, 32473);
  ASSERT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[0].enterprise, 0U);
  EXPECT_EQ(fields[1].enterprise, 32473U);
  EXPECT_EQ(fields[2].enterprise, 0U);
  EXPECT_EQ(fields[3].enterprise, 32473U);
}

TEST(Elements, HaveTheMarkInBothRecords) {
  Flow flow = sample::tcp();
  flow.mark = 0xfedcba98;
  for (const bool responder : {false, true}) {
    EXPECT_EQ(value_of("conntrackMark", flow, responder),
              (std::vector<std::uint8_t>{0xfe, 0xdc, 0xba, 0x98}));
  }
}

TEST(Elements, HaveCountriesOfSourceAndDestination) {
  Flow flow = sample::tcp();
  flow.initiator_origin.country = {'D', 'E'};
  const std::string_view initiator = "DE";
  const std::string_view none;
  const auto value = [&](const char* name, bool initiator_record) {
    return std::get<std::string_view>(find_element(name)->record.value({flow, initiator_record}));
  };
  EXPECT_EQ(value("sourceCountry", true), initiator);
  EXPECT_EQ(value("destinationCountry", true), none);
  EXPECT_EQ(value("sourceCountry", false), none);
  EXPECT_EQ(value("destinationCountry", false), initiator);
}

// A template without a field withdraws its id (RFC 7011 section 8.1).
TEST(Elements, AreMissedWhereAKindOfRecordHasNone) {
  EXPECT_EQ(kind_without_elements({"octetDeltaCount"}), std::nullopt);
  EXPECT_EQ(kind_without_elements({"icmpTypeCodeIPv4", "icmpTypeCodeIPv6"}), "IPv4");
  EXPECT_EQ(kind_without_elements({"postNATSourceIPv4Address"}), "IPv6");
  EXPECT_EQ(kind_without_elements({"sourceIPv4Address", "postNATSourceIPv6Address"}),
            "IPv6 translated to IPv4");
}

TEST(Elements, AreTooFewWhereAKindOfRecordIsShort) {
  EXPECT_FALSE(kind_shorter_than({"sourceTransportPort", "destinationTransportPort"}, 4));
  const auto all = kind_shorter_than({"protocolIdentifier", "sourceTransportPort"}, 4);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->kind, "IPv4");
  EXPECT_EQ(all->octets, 3U);
  const auto one = kind_shorter_than({"sourceIPv4Address", "protocolIdentifier"}, 4);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->kind, "IPv6");
  EXPECT_EQ(one->octets, 1U);
}

// Neither value is true of a connection's record, which covers both interfaces.
TEST(Elements, DoNotIncludeADirection) { EXPECT_EQ(find_element("flowDirection"), nullptr); }

TEST(Elements, BelongToTheirFormat) {
  EXPECT_TRUE(fits(*find_element("octetDeltaCount"), Protocol::kIpfix));
  EXPECT_TRUE(fits(*find_element("octetDeltaCount"), Protocol::kNetflow9));
  EXPECT_FALSE(fits(*find_element("flowId"), Protocol::kNetflow9));
  EXPECT_FALSE(fits(*find_element("flowEndSysUpTime"), Protocol::kIpfix));
}

TEST(Elements, TellTheTranslationOfTheInitiatorOnly) {
  const Flow flow = sample::snat();
  EXPECT_EQ(value_of("postNATSourceIPv4Address", flow, false),
            octets_of(flow.reply.destination, 4));
  EXPECT_EQ(value_of("postNATDestinationIPv4Address", flow, false),
            octets_of(flow.reply.source, 4));
  EXPECT_EQ(value_of("postNATSourceIPv4Address", flow, true),
            octets_of(flow.original.destination, 4));
  EXPECT_EQ(value_of("postNATDestinationIPv4Address", flow, true),
            octets_of(flow.original.source, 4));
}

TEST(Elements, HaveTheAsNumberOfTheAddressInTheRecord) {
  for (Flow flow : {sample::tcp(), sample::snat(), sample::nat64()}) {
    flow.initiator_origin.as_number = 0x01020304;
    flow.responder_origin.as_number = 0xf5f6f7f8;
    const std::vector<std::uint8_t> initiator{1, 2, 3, 4};
    const std::vector<std::uint8_t> responder{0xf5, 0xf6, 0xf7, 0xf8};
    EXPECT_EQ(value_of("bgpSourceAsNumber", flow, false), initiator);
    EXPECT_EQ(value_of("bgpDestinationAsNumber", flow, false), responder);
    EXPECT_EQ(value_of("bgpSourceAsNumber", flow, true), responder);
    EXPECT_EQ(value_of("bgpDestinationAsNumber", flow, true), initiator);
  }
}

TEST(Elements, HaveTheMacAddressOfTheHostThatSendsAndOfTheOneThatReceives) {
  for (Flow flow : {sample::tcp(), sample::snat(), sample::dnat(), sample::nat64()}) {
    flow.initiator_mac = 0x02005e0053f1;
    const std::vector<std::uint8_t> initiator{0x02, 0x00, 0x5e, 0x00, 0x53, 0xf1};
    const std::vector<std::uint8_t> unknown(6);
    EXPECT_EQ(value_of("sourceMacAddress", flow, false), initiator);
    EXPECT_EQ(value_of("destinationMacAddress", flow, false), unknown);
    EXPECT_EQ(value_of("sourceMacAddress", flow, true), unknown);
    EXPECT_EQ(value_of("destinationMacAddress", flow, true), initiator);
    flow.responder_mac = 0xfedcba987654;
    const std::vector<std::uint8_t> responder{0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54};
    EXPECT_EQ(value_of("destinationMacAddress", flow, false), responder);
    EXPECT_EQ(value_of("sourceMacAddress", flow, true), responder);
  }
}

TEST(Elements, HaveNoAddressOfTheOtherFamily) {
  const Flow nat64 = sample::nat64();
  EXPECT_EQ(value_of("postNATSourceIPv4Address", nat64, false),
            octets_of(nat64.reply.destination, 4));
  EXPECT_TRUE(value_of("postNATSourceIPv6Address", nat64, false).empty());
  EXPECT_TRUE(value_of("postNATSourceIPv4Address", nat64, true).empty());
  EXPECT_EQ(value_of("postNATSourceIPv6Address", nat64, true),
            octets_of(nat64.original.destination, 16));
}

// Without a translation packets leave with the addresses that they came with.
TEST(Elements, BehindNoTranslationEqualTheRecordsOwn) {
  for (const Flow& flow : {sample::tcp(), sample::udp6()}) {
    const bool ipv4 = flow.original.family == AddressFamily::kIpv4;
    const std::string family = ipv4 ? "IPv4" : "IPv6";
    for (const bool responder : {false, true}) {
      for (const auto& [before, behind] :
           {std::pair("source", "postNATSource"), std::pair("destination", "postNATDestination")}) {
        EXPECT_EQ(value_of(fmt::format("{}{}Address", behind, family), flow, responder),
                  value_of(fmt::format("{}{}Address", before, family), flow, responder));
      }
    }
    const std::string other = ipv4 ? "IPv6" : "IPv4";
    EXPECT_TRUE(value_of(fmt::format("postNATSource{}Address", other), flow, false).empty());
  }
}

// Start and duration make up the end to the millisecond, whatever was cut off from both times.
TEST(Elements, TheDurationIsTheDifferenceOfTheTimesThatAreExported) {
  Flow flow = sample::tcp();
  flow.start = TimePoint(std::chrono::microseconds(1'700'000'000'000'900));
  flow.end = TimePoint(std::chrono::microseconds(1'700'000'000'001'100));
  EXPECT_EQ(value_of("flowDurationMilliseconds", flow, false),
            (std::vector<std::uint8_t>{0, 0, 0, 1}));
}

TEST(Elements, TheDurationIsInMillisecondsAndNeverWraps) {
  Flow flow = sample::tcp();
  flow.end = flow.start + std::chrono::milliseconds(258);
  EXPECT_EQ(value_of("flowDurationMilliseconds", flow, false),
            (std::vector<std::uint8_t>{0, 0, 1, 2}));
  flow.end = flow.start + std::chrono::hours(24 * 365);
  EXPECT_EQ(value_of("flowDurationMilliseconds", flow, false),
            (std::vector<std::uint8_t>{255, 255, 255, 255}));
}

}  // namespace
}  // namespace ctflow::test
