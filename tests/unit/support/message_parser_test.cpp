// SPDX-License-Identifier: GPL-2.0-or-later
// The parser judges the encoders, so it must itself reject what the RFCs forbid.
#include "support/message_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/golden.hpp"

namespace ctflow::test {
namespace {

using Bytes = std::vector<std::byte>;

Bytes octets_of(const std::string& hex) {
  std::istringstream in(hex);
  return parse_golden(in, "test").octets;
}

/// An IPFIX message with a right length and these Sets.
Bytes ipfix(const std::string& sets) {
  Bytes message = octets_of("00 0a 00 00 00 00 00 01 00 00 00 02 00 00 00 03" + sets);
  message[2] = static_cast<std::byte>(message.size() >> 8);
  message[3] = static_cast<std::byte>(message.size() & 0xFF);
  return message;
}

Bytes netflow9(const std::string& count, const std::string& sets) {
  return octets_of("00 09 " + count + " 00 00 00 05 00 00 00 01 00 00 00 02 00 00 00 03" + sets);
}

std::string error_of(const Bytes& message) {
  MessageParser parser;
  try {
    parser.parse(message);
  } catch (const ParseError& error) {
    return error.what();
  }
  return "no error";
}

using ::testing::HasSubstr;

constexpr auto kTemplate = " 00 02 00 0c 01 00 00 01 00 04 00 01";  // 256 = protocolIdentifier

TEST(MessageParser, ReadsATemplateAndItsRecords) {
  MessageParser parser;
  const ParsedMessage message = parser.parse(ipfix(std::string(kTemplate) + " 01 00 00 06 06 11"));
  ASSERT_EQ(message.records().size(), 2U);
  EXPECT_EQ(message.records()[0].number(4), 6U);
  EXPECT_EQ(message.records()[1].number(4), 17U);
  EXPECT_EQ(message.sequence, 2U);
  EXPECT_EQ(message.domain, 3U);
}

TEST(MessageParser, KeepsTemplatesPerObservationDomain) {
  MessageParser parser;
  parser.parse(ipfix(kTemplate));
  Bytes other = ipfix(" 01 00 00 05 06");
  EXPECT_NO_THROW(parser.parse(other));
  other[15] = std::byte{4};
  EXPECT_THROW(parser.parse(other), ParseError);
}

TEST(MessageParser, RejectsEveryTruncationOfEveryGoldenMessage) {
  for (const char* name : {"ipfix_templates", "netflow9_templates", "ipfix_sampling_options",
                           "netflow9_sampling_options"}) {
    const Golden golden = load_golden(name);
    EXPECT_NO_THROW(MessageParser().parse(golden.octets)) << name;
    const std::size_t header = golden.octets[1] == std::byte{9} ? 20 : 16;
    for (std::size_t size = 0; size < golden.octets.size(); ++size) {
      Bytes cut(golden.octets.begin(), golden.octets.begin() + static_cast<std::ptrdiff_t>(size));
      if (header == 16 && size >= 4) {  // else the length alone would give it away
        cut[2] = static_cast<std::byte>(size >> 8);
        cut[3] = static_cast<std::byte>(size & 0xFF);
      }
      if (header == 16 && (size == header || size == 0x26)) {
        continue;  // no Set at all, or the Options Template Set alone: allowed
      }
      EXPECT_THROW(MessageParser().parse(cut), ParseError) << name << " cut to " << size;
    }
  }
}

TEST(MessageParser, RejectsWhatRfc7011Forbids) {
  EXPECT_THAT(error_of(octets_of("00 05")), HasSubstr("version 5"));
  EXPECT_THAT(error_of(octets_of("00 0a 00 11 00 00 00 01 00 00 00 02 00 00 00 03")),
              HasSubstr("header says 17"));
  EXPECT_THAT(error_of(ipfix(" 00 00 00 05 00")), HasSubstr("reserved"));
  EXPECT_THAT(error_of(ipfix(" 00 ff 00 05 00")), HasSubstr("reserved"));
  EXPECT_THAT(error_of(ipfix(" 01 00 00 03")), HasSubstr("length 3"));
  EXPECT_THAT(error_of(ipfix(" 01 00 00 05 00")), HasSubstr("unknown"));
  EXPECT_THAT(error_of(ipfix(" 00 02 00 04")), HasSubstr("no record"));
  EXPECT_THAT(error_of(ipfix(" 00 02 00 0c 00 ff 00 01 00 04 00 01")), HasSubstr("lowest is 256"));
  EXPECT_THAT(error_of(ipfix(" 00 02 00 08 01 00 00 00")), HasSubstr("has no field"));
  EXPECT_THAT(error_of(ipfix(" 00 02 00 0c 01 00 00 01 00 04 00 00")), HasSubstr("0 octets"));
  EXPECT_THAT(error_of(ipfix(" 00 02 00 0d 01 00 00 01 00 04 00 01 01")), HasSubstr("not zero"));
  EXPECT_THAT(error_of(ipfix(std::string(kTemplate) + " 00 02 00 0c 01 00 00 01 00 04 00 02")),
              HasSubstr("changed its layout"));
  EXPECT_THAT(error_of(ipfix(" 00 03 00 0e 01 22 00 01 00 00 00 95 00 04")),
              HasSubstr("0 scope fields"));
  EXPECT_THAT(error_of(ipfix(" 00 03 00 0e 01 22 00 01 00 02 00 95 00 04")),
              HasSubstr("2 scope fields of 1"));
}

TEST(MessageParser, RejectsWhatRfc3954Forbids) {
  const std::string known = " 00 00 00 0c 01 00 00 01 00 04 00 01";
  EXPECT_EQ(error_of(netflow9("00 02", known + " 01 00 00 08 06 00 00 00")),
            "header counts 2 records, found 5");  // zeros are records of one octet, not padding
  EXPECT_EQ(error_of(netflow9("00 01", known)), "no error");
  EXPECT_THAT(error_of(netflow9("00 02", known)), HasSubstr("header counts 2"));
  EXPECT_THAT(error_of(netflow9("00 01", known + " 01 00 00 05 06")), HasSubstr("multiple of 4"));
  EXPECT_THAT(error_of(netflow9("00 01", " 00 02 00 08 00 00 00 00")), HasSubstr("reserved"));
  EXPECT_THAT(error_of(netflow9("00 01", " 00 00 00 10 01 00 00 01 00 04 00 02 00 00 00 00")),
              HasSubstr("template id 0"));
  const std::string pair = " 00 00 00 0c 01 00 00 01 00 08 00 08";
  EXPECT_THAT(
      error_of(netflow9("00 02", pair + " 01 00 00 10 00 00 00 00 00 00 00 01 00 00 00 00")),
      HasSubstr("4 octets of padding"));
  EXPECT_THAT(
      error_of(netflow9("00 02", pair + " 01 00 00 10 00 00 00 00 00 00 00 01 00 00 00 01")),
      HasSubstr("not zero"));
}

TEST(MessageParser, ReadsEnterpriseNumbersAndVariableLengths) {
  MessageParser parser;
  const ParsedMessage message =
      parser.parse(ipfix(" 00 02 00 14 01 00 00 02 80 01 00 04 00 00 72 79 00 52 ff ff"
                         " 01 00 00 12 00 00 00 07 02 6c 6f 00 00 00 08 ff 00 00"));
  ASSERT_EQ(message.records().size(), 2U);
  EXPECT_EQ(message.records()[0].fields[0].specifier.enterprise, 29305U);
  EXPECT_EQ(message.records()[0].number(1), 7U);
  EXPECT_THAT(message.records()[0].find(82)->octets, ::testing::ElementsAre('l', 'o'));
  EXPECT_TRUE(message.records()[1].find(82)->octets.empty());
}

TEST(Golden, NamesTheLineThatIsNotHexadecimal) {
  std::istringstream in("00 01  # fine\n\n02 3 04\n");
  try {
    parse_golden(in, "some.hex");
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "some.hex:3: expected two hexadecimal digits, got '3'");
  }
}

TEST(Golden, NamesTheFieldThatDiffers) {
  std::istringstream in("00 0a  # Version\n00 10  # Length\n");
  const Golden golden = parse_golden(in, "some.hex");
  const auto result = equals_golden(octets_of("00 0a 00 11"), golden);
  EXPECT_FALSE(result);
  EXPECT_THAT(result.message(), HasSubstr("some.hex:2: 00 10  # Length"));
  EXPECT_TRUE(equals_golden(octets_of("00 0a 00 10"), golden));
  EXPECT_FALSE(equals_golden(octets_of("00 0a 00"), golden));
  EXPECT_FALSE(equals_golden(octets_of("00 0a 00 10 00"), golden));
}

}  // namespace
}  // namespace ctflow::test
