// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/encoded_flows.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>

#include "encode/elements.hpp"
#include "support/encoding_session.hpp"

namespace ctflow {
namespace {

using test::Bytes;

/// Every kind of record, most of them IPv4 without translation, so that there are runs.
std::vector<Flow> many_flows(std::size_t count) {
  const std::vector<Flow> kinds = test::every_kind();
  std::minstd_rand random(7);
  std::vector<Flow> flows;
  for (std::size_t i = 0; i < count; ++i) {
    Flow flow = random() % 3 == 0 ? kinds[random() % kinds.size()] : test::sample::tcp();
    if (random() % 4 == 0) flow.reply_counters = {};
    if (random() % 9 == 0) std::swap(flow.original_counters, flow.reply_counters);
    flow.id = static_cast<std::uint32_t>(i);
    flow.end += std::chrono::milliseconds(random() % 1000);
    flows.push_back(flow);
  }
  return flows;
}

struct Message {
  Bytes octets;
  std::uint32_t flows;
  std::uint32_t records;
  std::uint64_t packets;
  std::uint64_t counted;
  friend bool operator==(const Message&, const Message&) = default;
};

/// Adds flow reports until one does not fit, as add() and add_encoded() do it. Behind templates,
/// so that a message does not always begin with the same.
std::vector<Message> messages(Encoder& encoder, std::size_t size, std::size_t count,
                              const std::function<std::size_t(std::size_t)>& add) {
  std::vector<Message> all;
  std::size_t next = 0;
  while (next < count) {
    Bytes buffer = test::fresh_buffer(size);
    encoder.begin(buffer);
    if (all.size() % 3 == 0 && size > 1000) {
      EXPECT_TRUE(encoder.add_sampling_options());
    }
    const std::size_t before = next;
    for (std::size_t added = add(next); added > 0; added = next < count ? add(next) : 0) {
      next += added;
    }
    const MessageContent content = encoder.content();
    const auto octets = encoder.finish(test::kSampleNow);
    all.push_back({{octets.begin(), octets.end()},
                   content.flows,
                   content.data_records,
                   content.packets,
                   content.octets});
    if (next == before) {
      ADD_FAILURE() << "nothing fits into " << size << " octets";
      break;
    }
  }
  return all;
}

class EncodedFlowsTest : public testing::TestWithParam<std::tuple<Protocol, bool, std::size_t>> {};

TEST_P(EncodedFlowsTest, MakeTheSameMessagesAsFlowReports) {
  const auto& [protocol, zones, size] = GetParam();
  const std::vector<Flow> flows = many_flows(100);
  const auto one = test::make_encoder(protocol, zones);
  const auto other = test::make_encoder(protocol, zones);
  EncodedFlows encoded(one->record_format());
  for (const Flow& flow : flows) ASSERT_TRUE(encoded.add(flow));
  ASSERT_EQ(encoded.size(), flows.size());
  const auto expected = messages(*one, size, flows.size(), [&](std::size_t next) -> std::size_t {
    return one->add(flows[next]) ? 1 : 0;
  });
  const auto copied = messages(*other, size, flows.size(),
                               [&](std::size_t next) { return other->add_encoded(encoded, next); });
  EXPECT_EQ(copied, expected);
  EXPECT_GT(expected.size(), size < 2000 ? 4U : 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, EncodedFlowsTest,
    testing::Combine(testing::Values(Protocol::kIpfix, Protocol::kNetflow9), testing::Bool(),
                     testing::Values(kMinimumMessageSize, 1021, 1400, 1472, 8999)));

/// Of several templates, whose records differ in length in IPFIX.
TEST(EncodedFlows, WithStringsMakeTheSameMessagesAsFlowReports) {
  EncoderOptions options;
  options.elements = {"octetDeltaCount", "userName", "sourceIPv4Address", "sourceIPv6Address",
                      "packetDeltaCount"};
  std::vector<Flow> flows = many_flows(100);
  const std::string name(63, 'x');
  for (std::size_t i = 0; i < flows.size(); ++i) {
    flows[i].user = std::string_view(name).substr(0, i * 7 % 64);
  }
  for (std::size_t size = kMinimumMessageSize; size < kMinimumMessageSize + 150; ++size) {
    IpfixEncoder one(options);
    IpfixEncoder other(options);
    EncodedFlows encoded(one.record_format());
    for (const Flow& flow : flows) ASSERT_TRUE(encoded.add(flow));
    const auto expected = messages(one, size, flows.size(), [&](std::size_t next) -> std::size_t {
      return one.add(flows[next]) ? 1 : 0;
    });
    const auto copied = messages(other, size, flows.size(), [&](std::size_t next) {
      return other.add_encoded(encoded, next);
    });
    ASSERT_EQ(copied, expected) << size;
    // Each message but the last is as full as it can be.
    const std::size_t two_longest = 2 * (8 + 64 + 16 + 8) + 4;
    for (std::size_t i = 0; i + 1 < expected.size(); ++i) {
      EXPECT_GT(expected[i].octets.size() + two_longest + 4, size);
    }
  }
}

/// What `max_message_size` has to be for `elements` (check_record_lengths).
TEST(EncodedFlows, HaveRoomForBothRecordsOfAllElements) {
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    EncoderOptions options;
    for (const Element& element : elements()) {
      if (fits(element, protocol)) options.elements.emplace_back(element.name);
    }
    const std::size_t room = 27 + 2 * longest_record(options.elements, protocol);
    EXPECT_GT(room, kMinimumMessageSize);
    const std::string name(63, 'x');
    for (Flow flow : test::every_kind()) {
      flow.user = name;
      std::unique_ptr<Encoder> encoder = std::make_unique<IpfixEncoder>(options);
      if (protocol == Protocol::kNetflow9) {
        encoder = std::make_unique<Netflow9Encoder>(options, test::kSampleBoot);
      }
      Bytes buffer = test::fresh_buffer(room);
      encoder->begin(buffer);
      EXPECT_TRUE(encoder->add(flow));
      EXPECT_LE(encoder->finish(test::kSampleNow).size(), room);
    }
  }
}

TEST(EncodedFlows, SayWhenThereIsNoRoomAndStayAsTheyWere) {
  const auto encoder = test::make_encoder(Protocol::kIpfix);
  EncodedFlows encoded(encoder->record_format());
  const Flow flow = test::sample::nat66();
  while (encoded.add(flow)) ASSERT_LT(encoded.size(), 1000U);
  const std::size_t full = encoded.size();
  ASSERT_GT(full, 10U);
  EXPECT_EQ(encoded.flows().back().end, encoded.start_of(full));
  EXPECT_EQ(encoded.octets(0, encoded.start_of(full)).size(), encoded.start_of(full));
  EXPECT_FALSE(encoded.add(flow));
  EXPECT_EQ(encoded.size(), full);
  encoded.clear();
  EXPECT_TRUE(encoded.empty());
  EXPECT_TRUE(encoded.add(flow));
}

TEST(EncodedFlows, AddNothingToAMessageWithoutRoom) {
  const auto encoder = test::make_encoder(Protocol::kNetflow9);
  EncodedFlows encoded(encoder->record_format());
  ASSERT_TRUE(encoded.add(test::sample::snat()));
  Bytes buffer = test::fresh_buffer(100);  // a header, and one of two records
  encoder->begin(buffer);
  EXPECT_EQ(encoder->add_encoded(encoded, 0), 0U);
  EXPECT_EQ(encoder->content().flows, 0U);
  EXPECT_EQ(encoder->finish(test::kSampleNow).size(), 20U);
}

TEST(RecordFormat, IsTheSameWhereOnlyDomainAndProcessDiffer) {
  const auto format = [](Protocol protocol, const EncoderOptions& options) {
    return RecordFormat(protocol, options);
  };
  const EncoderOptions basic{.observation_domain = 1, .exporting_process = 2};
  EncoderOptions other{.observation_domain = 3, .exporting_process = 4};
  EXPECT_EQ(format(Protocol::kIpfix, basic), format(Protocol::kIpfix, other));
  EXPECT_FALSE(format(Protocol::kIpfix, basic) == format(Protocol::kNetflow9, basic));
  other.zones = true;
  EXPECT_FALSE(format(Protocol::kIpfix, basic) == format(Protocol::kIpfix, other));
  other = basic;
  other.elements = {"octetDeltaCount"};
  EXPECT_FALSE(format(Protocol::kIpfix, basic) == format(Protocol::kIpfix, other));
}

}  // namespace
}  // namespace ctflow
