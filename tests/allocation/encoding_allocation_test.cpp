// SPDX-License-Identifier: GPL-2.0-or-later
// Records are encoded for every flow report, and copied for every collector that shares them: that
// must not allocate.
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "allocations.hpp"
#include "encode/encoded_flows.hpp"
#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "support/sample_flows.hpp"

namespace ctflow {
namespace {

constexpr std::size_t kMessage = 1400;

/// Encodes reports until the place is full, and copies them into messages.
std::size_t encode_and_copy(EncodedFlows& records, Encoder& encoder,
                            std::array<std::byte, kMessage>& buffer) {
  records.clear();
  while (records.add(test::sample::tcp()) && records.add(test::sample::snat())) {
  }
  std::size_t copied = 0;
  while (copied < records.size()) {
    encoder.begin(buffer);
    copied += encoder.add_encoded(records, copied);
    static_cast<void>(encoder.finish(test::kSampleNow));
  }
  return copied;
}

TEST(EncodingAllocation, IsNotDoneForAnyFlowReport) {
  const std::unique_ptr<Encoder> encoders[] = {
      std::make_unique<IpfixEncoder>(EncoderOptions{}),
      std::make_unique<Netflow9Encoder>(EncoderOptions{}, test::kSampleBoot)};
  for (const auto& encoder : encoders) {
    EncodedFlows records(encoder->record_format());
    std::array<std::byte, kMessage> buffer{};
    encode_and_copy(records, *encoder, buffer);  // what notes the times of records reaches its size
    const std::size_t before = test::allocations();
    EXPECT_GT(encode_and_copy(records, *encoder, buffer), 50U);
    EXPECT_EQ(test::allocations(), before);
  }
}

}  // namespace
}  // namespace ctflow
