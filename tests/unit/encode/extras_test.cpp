// SPDX-License-Identifier: GPL-2.0-or-later
// Records of connections that a patched kernel measured: more fields, under ids of their own.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

/// Protocol, zones, packet properties.
class EncodeExtras : public testing::TestWithParam<std::tuple<Protocol, bool, bool>> {
 protected:
  EncodeExtras() {
    const auto [protocol, zones, properties] = GetParam();
    const EncoderOptions options{.observation_domain = kSampleDomain,
                                 .zones = zones,
                                 .extras = true,
                                 .packet_properties = properties};
    if (protocol == Protocol::kIpfix) {
      encoder_ = std::make_unique<IpfixEncoder>(options);
    } else {
      encoder_ = std::make_unique<Netflow9Encoder>(options, kSampleBoot);
    }
    for (const Bytes& message : encode_templates(*encoder_)) parser_.parse(message);
  }

  static Flow measured(Flow flow) {
    flow.extras.present = true;
    flow.extras.original.tcp_control_bits = 0x11b;
    flow.extras.original.class_of_service = 0xb8;
    flow.extras.original.ttl_min = 61;
    flow.extras.original.ttl_max = 64;
    flow.extras.original.length_min = 40;
    flow.extras.original.length_max = 1500;
    flow.extras.reply.tcp_control_bits = 0x012;
    flow.extras.reply.class_of_service = 0x20;
    flow.extras.reply.ttl_min = 50;
    flow.extras.reply.ttl_max = 52;
    flow.extras.reply.length_min = 41;
    flow.extras.reply.length_max = 9000;
    return flow;
  }

  /// What the plain records would be, and behind it what the kernel measured.
  static std::vector<RecordText> expected(const Flow& flow) {
    const auto [protocol, zones, properties] = GetParam();
    std::vector<RecordText> records = expected_records(flow, protocol, zones);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const DirectionExtras& extras = i == 0 ? flow.extras.original : flow.extras.reply;
      RecordText& text = records[i];
      const int plain = std::stoi(text[0].substr(text[0].find(' ')));
      text[0] = fmt::format("template {}", plain + 16 + (properties ? 128 : 0));
      text.push_back(expected::number(5, 1, extras.class_of_service));
      text.push_back(expected::number(6, 1, extras.tcp_control_bits & 0xff));
      if (!properties) continue;
      text.push_back(expected::number(52, 1, extras.ttl_min));
      text.push_back(expected::number(53, 1, extras.ttl_max));
      text.push_back(expected::number(25, 2, extras.length_min));
      text.push_back(expected::number(26, 2, extras.length_max));
    }
    return records;
  }

  std::unique_ptr<Encoder> encoder_;
  MessageParser parser_;
};

TEST_P(EncodeExtras, AppendWhatTheKernelMeasured) {
  for (const Flow& plain : {sample::tcp(), sample::snat(), sample::icmp(), sample::udp6()}) {
    const Flow flow = measured(plain);
    EXPECT_EQ(texts_of(parser_.parse(encode_flows(*encoder_, {flow}))), expected(flow));
  }
}

TEST_P(EncodeExtras, LeaveOtherConnectionsAlone) {
  const auto [protocol, zones, properties] = GetParam();
  const Flow plain = sample::tcp();
  const Flow flow = measured(plain);
  std::vector<RecordText> both = expected_records(plain, protocol, zones);
  for (const RecordText& record : expected(flow)) both.push_back(record);
  EXPECT_EQ(texts_of(parser_.parse(encode_flows(*encoder_, {plain, flow}))), both);
}

TEST_P(EncodeExtras, HaveIdsThatNoOtherLayoutHas) {
  const auto [protocol, zones, properties] = GetParam();
  encoder_->restart_templates();
  std::set<int> ids;
  std::size_t count = 0;
  for (const Bytes& message : encode_templates(*encoder_)) {
    for (const ParsedTemplate& record : parser_.parse(message).templates()) {
      ids.insert(record.id);
      ++count;
    }
  }
  EXPECT_EQ(count, 20U);
  EXPECT_EQ(ids.size(), 20U);
  const int step = (zones ? 64 : 0);
  EXPECT_EQ(*ids.begin(), 1280 + step);
  EXPECT_EQ(*ids.rbegin(), 1280 + 9 + 16 + step + (properties ? 128 : 0));
}

INSTANTIATE_TEST_SUITE_P(All, EncodeExtras,
                         testing::Combine(testing::Values(Protocol::kIpfix, Protocol::kNetflow9),
                                          testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace ctflow::test
