// SPDX-License-Identifier: GPL-2.0-or-later
// An encoder of either protocol with a collector that reads what it writes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "ctflow/encoder.hpp"
#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "support/expected_records.hpp"
#include "support/message_parser.hpp"
#include "support/sample_flows.hpp"

namespace ctflow::test {

using Bytes = std::vector<std::byte>;

inline constexpr std::size_t kDefaultSize = 1400;

inline std::unique_ptr<Encoder> make_encoder(Protocol protocol, bool zones = false,
                                             TimePoint boot = kSampleBoot) {
  const EncoderOptions options{.observation_domain = kSampleDomain, .zones = zones};
  if (protocol == Protocol::kIpfix) {
    return std::make_unique<IpfixEncoder>(options);
  }
  return std::make_unique<Netflow9Encoder>(options, boot);
}

/// A buffer of exactly the limit, so that a sanitizer sees what is written past it, and not zero,
/// so that padding left unwritten shows.
inline Bytes fresh_buffer(std::size_t size) { return Bytes(size, std::byte{0xEE}); }

inline Bytes encode_flows(Encoder& encoder, std::span<const Flow> flows, TimePoint now = kSampleNow,
                          std::size_t size = kDefaultSize) {
  Bytes buffer = fresh_buffer(size);
  encoder.begin(buffer);
  for (const Flow& flow : flows) {
    EXPECT_TRUE(encoder.add(flow)) << "does not fit into " << size << " octets";
  }
  const auto message = encoder.finish(now);
  return {message.begin(), message.end()};
}

inline Bytes encode_flows(Encoder& encoder, std::initializer_list<Flow> flows,
                          TimePoint now = kSampleNow, std::size_t size = kDefaultSize) {
  return encode_flows(encoder, std::span(flows.begin(), flows.size()), now, size);
}

/// As many messages as the outstanding templates need.
inline std::vector<Bytes> encode_templates(Encoder& encoder, std::size_t size = kDefaultSize,
                                           TimePoint now = kSampleNow) {
  std::vector<Bytes> messages;
  for (bool done = false; !done;) {
    Bytes buffer = fresh_buffer(size);
    encoder.begin(buffer);
    done = encoder.add_templates();
    const auto message = encoder.finish(now);
    messages.emplace_back(message.begin(), message.end());
    if (messages.size() > 20) {
      ADD_FAILURE() << "add_templates() never says that it is done";
      break;
    }
  }
  return messages;
}

inline Bytes encode_sampling_options(Encoder& encoder, TimePoint now = kSampleNow,
                                     std::size_t size = kDefaultSize) {
  Bytes buffer = fresh_buffer(size);
  encoder.begin(buffer);
  EXPECT_TRUE(encoder.add_sampling_options());
  const auto message = encoder.finish(now);
  return {message.begin(), message.end()};
}

inline Bytes encode_interface_name(Encoder& encoder, TimePoint now = kSampleNow,
                                   std::size_t size = kDefaultSize) {
  Bytes buffer = fresh_buffer(size);
  encoder.begin(buffer);
  EXPECT_TRUE(encoder.add_interface_name(2, "lan"));
  const auto message = encoder.finish(now);
  return {message.begin(), message.end()};
}

inline Bytes encode_statistics(Encoder& encoder, TimePoint now = kSampleNow,
                               std::size_t size = kDefaultSize) {
  Bytes buffer = fresh_buffer(size);
  encoder.begin(buffer);
  EXPECT_TRUE(encoder.add_statistics({1, 2, 0x1'0000'0003, 4, 5, 6, 7, 8}));
  const auto message = encoder.finish(now);
  return {message.begin(), message.end()};
}

/// A parser that knows all templates of the protocol.
inline MessageParser informed_parser(Protocol protocol, bool zones = false) {
  MessageParser parser;
  const auto encoder = make_encoder(protocol, zones);
  for (const Bytes& message : encode_templates(*encoder)) {
    parser.parse(message);
  }
  return parser;
}

/// One connection of each kind and direction of translation, with and without a reply.
inline std::vector<Flow> every_kind() {
  return {sample::tcp(),   sample::snat(),     sample::snat_silent(),  sample::dnat(),
          sample::icmp(),  sample::icmp_nat(), sample::udp6(),         sample::nat66(),
          sample::nat64(), sample::icmpv6(),   sample::icmpv6_nat66(), sample::icmpv6_nat64()};
}

inline std::vector<RecordText> expected_of(std::span<const Flow> flows, Protocol protocol,
                                           bool zones = false) {
  std::vector<RecordText> all;
  for (const Flow& flow : flows) {
    const auto records = expected_records(flow, protocol, zones);
    all.insert(all.end(), records.begin(), records.end());
  }
  return all;
}

}  // namespace ctflow::test
