// SPDX-License-Identifier: GPL-2.0-or-later
// Messages for the transports that keep them: an IPFIX header, and a body that only has a length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "transport/spool/kept_message.hpp"
#include "wire/byte_order.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow::test {

inline constexpr TimePoint kKept{std::chrono::seconds(1'700'000'000)};

/// A message of `flows` connections with one record of 10 octets each. `tag` fills its body.
inline CountedMessage counted_message(std::uint32_t sequence, std::uint32_t flows,
                                      std::uint8_t tag = 0, std::size_t size = 100) {
  CountedMessage message;
  message.bytes.assign(size, std::byte{tag});
  WireWriter writer(message.bytes);
  writer.u16(10);
  writer.u16(static_cast<std::uint16_t>(size));
  writer.u32(0);  // export time
  writer.u32(sequence);
  writer.u32(7);
  message.content.flows = flows;
  message.content.data_records = flows;
  message.content.octets = std::uint64_t{10} * flows;
  return message;
}

inline KeptMessage kept_message(std::uint32_t sequence, std::uint32_t flows, std::uint8_t tag,
                                const std::shared_ptr<const Origin>& origin,
                                TimePoint kept = kKept) {
  CountedMessage message = counted_message(sequence, flows, tag);
  return {std::move(message.bytes), message.content, origin, kept, std::nullopt};
}

inline std::uint32_t sequence_of(std::span<const std::byte> message) {
  return wire::load<std::uint32_t>(message, 8);
}
inline std::uint32_t export_time_of(std::span<const std::byte> message) {
  return wire::load<std::uint32_t>(message, 4);
}
inline std::uint8_t tag_of(std::span<const std::byte> message) {
  return std::to_integer<std::uint8_t>(message[16]);
}

/// An origin with one message that stands for templates; `tag` makes it another one.
inline std::shared_ptr<const Origin> sample_origin(std::uint8_t tag = 0xf0) {
  CountedMessage first = counted_message(0, 0, tag, 60);
  first.content.templates = 3;
  first.content.option_records = 1;
  return make_origin({first});
}

}  // namespace ctflow::test
