// SPDX-License-Identifier: GPL-2.0-or-later
// The statistics of encode/options_layouts.hpp.
#include <gtest/gtest.h>

#include "support/encoding_session.hpp"
#include "support/golden.hpp"

namespace ctflow::test {
namespace {

class Statistics : public ::testing::TestWithParam<Protocol> {
 protected:
  std::unique_ptr<Encoder> encoder_ = make_encoder(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Protocols, Statistics,
                         ::testing::Values(Protocol::kIpfix, Protocol::kNetflow9),
                         [](const auto& tested) {
                           return tested.param == Protocol::kIpfix ? "Ipfix" : "Netflow9";
                         });

TEST_P(Statistics, AreEncodedToTheOctet) {
  const bool ipfix = GetParam() == Protocol::kIpfix;
  EXPECT_TRUE(equals_golden(encode_statistics(*encoder_),
                            load_golden(ipfix ? "ipfix_statistics" : "netflow9_statistics")));
}

TEST_P(Statistics, FitBehindTheSamplingOptionsIntoTheSmallestMessage) {
  Bytes buffer = fresh_buffer(kMinimumMessageSize);
  encoder_->begin(buffer);
  ASSERT_TRUE(encoder_->add_sampling_options());
  EXPECT_TRUE(encoder_->add_statistics({}));
}

TEST_P(Statistics, LeaveAMessageThatIsTooSmallUnchanged) {
  Bytes buffer = fresh_buffer(80);
  encoder_->begin(buffer);
  ASSERT_TRUE(encoder_->add_sampling_options());
  EXPECT_FALSE(encoder_->add_statistics({}));
  EXPECT_EQ(encoder_->content().option_records, 1U);
  const auto message = encoder_->finish(kSampleNow);
  auto other = make_encoder(GetParam());
  Bytes alone = fresh_buffer(80);
  other->begin(alone);
  ASSERT_TRUE(other->add_sampling_options());
  const auto expected = other->finish(kSampleNow);
  EXPECT_TRUE(std::equal(message.begin(), message.end(), expected.begin(), expected.end()));
}

TEST_P(Statistics, AreCountedAsRecordsOfTheSession) {
  encode_statistics(*encoder_);
  const std::uint32_t records = encoder_->content().option_records;
  EXPECT_EQ(records, GetParam() == Protocol::kIpfix ? 3U : 1U);
  MessageParser parser;
  const ParsedMessage next = parser.parse(encode_flows(*encoder_, {}));
  EXPECT_EQ(next.sequence, GetParam() == Protocol::kIpfix ? records : 1U);
}

}  // namespace
}  // namespace ctflow::test
