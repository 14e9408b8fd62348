// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/elements.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

/// What a record of `flow` has for one element; nothing if it has none.
std::vector<std::uint8_t> value_of(const std::string& name, const Flow& flow, bool responder) {
  const std::vector<Field> fields = fields_of({name}, record_kind(Record{flow, !responder}));
  if (fields.empty()) return {};
  std::vector<std::byte> room(fields[0].length, std::byte{0xee});
  FieldWriter writer(room.data());
  fields[0].encode(writer, Record{flow, !responder});
  EXPECT_EQ(writer.position(), room.data() + room.size()) << name << " is not as long as it says";
  std::vector<std::uint8_t> octets;
  octets.reserve(room.size());
  for (const std::byte octet : room) octets.push_back(std::to_integer<std::uint8_t>(octet));
  return octets;
}

std::vector<std::uint8_t> octets_of(const IpAddress& address, std::size_t count) {
  return {address.octets.begin(), address.octets.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(Elements, AreFoundByName) {
  ASSERT_NE(find_element("sourceIPv4Address"), nullptr);
  EXPECT_EQ(find_element("sourceIPv4Address")->field.element, 8);
  EXPECT_EQ(find_element("sourceIpv4Address"), nullptr);
  EXPECT_EQ(find_element(""), nullptr);
}

TEST(Elements, HaveEachNameAndIdOnce) {
  std::set<std::string> names;
  std::set<int> ids;
  for (const std::string& name : element_names()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(ids.insert(find_element(name)->field.element).second) << name;
  }
}

TEST(Elements, WriteExactlyTheirLength) {
  for (const Flow& flow : every_kind()) {
    for (const std::string& name : element_names()) {
      for (const bool responder : {false, true}) value_of(name, flow, responder);
    }
  }
}

TEST(Elements, BelongToTheirFamily) {
  EXPECT_EQ(fields_of({"sourceIPv4Address", "octetDeltaCount"}, RecordKind::kIpv6).size(), 1U);
  EXPECT_EQ(fields_of({"sourceIPv6Address", "octetDeltaCount"}, RecordKind::kIpv4).size(), 1U);
  EXPECT_EQ(fields_of({"nonsense"}, RecordKind::kIpv4).size(), 0U);
}

// A template without a field withdraws its id (RFC 7011 section 8.1).
TEST(Elements, AreMissedWhereAKindOfRecordHasNone) {
  EXPECT_EQ(kind_without_elements({"octetDeltaCount"}), std::nullopt);
  EXPECT_EQ(kind_without_elements({"icmpTypeCodeIPv4", "icmpTypeCodeIPv6"}), "IPv4");
  EXPECT_EQ(kind_without_elements({"postNATSourceIPv4Address"}), "IPv6");
  EXPECT_EQ(kind_without_elements({"sourceIPv4Address", "postNATSourceIPv6Address"}),
            "IPv6 translated to IPv4");
}

// Neither value is true of a connection's record, which covers both interfaces.
TEST(Elements, DoNotIncludeADirection) { EXPECT_EQ(find_element("flowDirection"), nullptr); }

TEST(Elements, BelongToTheirFormat) {
  EXPECT_TRUE(fits(*find_element("octetDeltaCount"), Format::kIpfix));
  EXPECT_TRUE(fits(*find_element("octetDeltaCount"), Format::kNetflow9));
  EXPECT_FALSE(fits(*find_element("flowId"), Format::kNetflow9));
  EXPECT_FALSE(fits(*find_element("flowEndSysUpTime"), Format::kIpfix));
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
