// SPDX-License-Identifier: GPL-2.0-or-later
// The names of interfaces of encode/options_layouts.hpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/encoding_session.hpp"
#include "support/golden.hpp"

namespace ctflow::test {
namespace {

using Names = std::vector<std::pair<std::uint32_t, std::string>>;

Bytes encode_names(Encoder& encoder, const Names& names, std::size_t size = kDefaultSize) {
  Bytes buffer = fresh_buffer(size);
  encoder.begin(buffer);
  for (const auto& [index, name] : names) EXPECT_TRUE(encoder.add_interface_name(index, name));
  const auto message = encoder.finish(kSampleNow);
  return {message.begin(), message.end()};
}

class InterfaceOptions : public ::testing::TestWithParam<Protocol> {
 protected:
  std::unique_ptr<Encoder> encoder_ = make_encoder(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Protocols, InterfaceOptions,
                         ::testing::Values(Protocol::kIpfix, Protocol::kNetflow9),
                         [](const auto& tested) {
                           return tested.param == Protocol::kIpfix ? "Ipfix" : "Netflow9";
                         });

TEST_P(InterfaceOptions, AreEncodedToTheOctet) {
  const bool ipfix = GetParam() == Protocol::kIpfix;
  const Golden golden =
      load_golden(ipfix ? "ipfix_interface_options" : "netflow9_interface_options");
  EXPECT_TRUE(
      equals_golden(encode_names(*encoder_, {{2, "lan"}, {65539, "abcdefghijklmno"}}), golden));
}

// nfdump 1.7.1 reads the first record of a Data Set only, and the first Options Template of a Set.
TEST_P(InterfaceOptions, StandOneInASetBehindTheirTemplate) {
  Bytes buffer = fresh_buffer(kDefaultSize);
  encoder_->begin(buffer);
  ASSERT_TRUE(encoder_->add_sampling_options());
  for (std::uint32_t i = 1; i <= 3; ++i) ASSERT_TRUE(encoder_->add_interface_name(i, "eth"));
  EXPECT_EQ(encoder_->content().option_records, 4U);
  EXPECT_EQ(encoder_->content().templates, 2U);
  MessageParser parser;
  const ParsedMessage message = parser.parse(encoder_->finish(kSampleNow));
  ASSERT_EQ(message.sets.size(), 6U);
  EXPECT_EQ(message.sets[0].templates.size(), 1U);
  EXPECT_EQ(message.sets[2].templates.size(), 1U);
  for (std::size_t i = 3; i < 6; ++i) {
    ASSERT_EQ(message.sets[i].records.size(), 1U);
    EXPECT_TRUE(message.sets[i].records[0].options);
    EXPECT_EQ(message.sets[i].padding, 0U);
  }
}

TEST_P(InterfaceOptions, RepeatTheirTemplateInEveryMessage) {
  for (int i = 0; i < 2; ++i) {
    MessageParser parser;
    EXPECT_EQ(parser.parse(encode_names(*encoder_, {{1, "lo"}})).sets.size(), 2U);
  }
}

TEST_P(InterfaceOptions, LeaveTheMessageAsItWasWhenOneDoesNotFit) {
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder_->begin(buffer);
  std::uint32_t added = 0;
  while (encoder_->add_interface_name(added + 1, "eth")) ++added;
  EXPECT_GE(added, 9U);
  EXPECT_EQ(encoder_->content().option_records, added);
  MessageParser parser;
  EXPECT_EQ(parser.parse(encoder_->finish(kSampleNow)).sets.size(), added + 1);
  // And one that does not even hold the template.
  Bytes small = fresh_buffer(60);
  encoder_->begin(small);
  EXPECT_FALSE(encoder_->add_interface_name(1, "eth"));
  EXPECT_EQ(encoder_->content().templates, 0U);
}

// nfdump takes what follows the last letter for part of the name.
TEST_P(InterfaceOptions, EndNamesWithAZeroHoweverLong) {
  const Bytes message = encode_names(*encoder_, {{1, std::string(40, 'x')}});
  EXPECT_EQ(message.at(message.size() - 1), std::byte{0});
  EXPECT_EQ(message.at(message.size() - 17), std::byte{0});
  EXPECT_EQ(message.at(message.size() - 18), std::byte{'x'});
}

}  // namespace
}  // namespace ctflow::test
