// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_format.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

#include "wire/byte_order.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow::spool_format {
namespace {

using std::chrono::milliseconds;
using wire::load;

constexpr std::string_view kMagic = "ctflowd spool 1\n";
constexpr std::size_t kContentLength = 32;
constexpr std::size_t kCovered = 9;           // offset in a record of what the CRC is of
constexpr std::size_t kShortestMessage = 16;  // the header alone, RFC 7011 section 3.1

std::uint32_t crc(std::span<const std::byte> bytes) {
  boost::crc_32_type sum;
  sum.process_bytes(bytes.data(), bytes.size());
  return sum.checksum();
}

void put_content(WireWriter& writer, const MessageContent& content) {
  writer.u32(content.flows);
  writer.u32(content.data_records);
  writer.u32(content.option_records);
  writer.u32(content.templates);
  writer.u64(content.packets);
  writer.u64(content.octets);
}

MessageContent get_content(std::span<const std::byte> from) {
  MessageContent content;
  content.flows = load<std::uint32_t>(from, 0);
  content.data_records = load<std::uint32_t>(from, 4);
  content.option_records = load<std::uint32_t>(from, 8);
  content.templates = load<std::uint32_t>(from, 12);
  content.packets = load<std::uint64_t>(from, 16);
  content.octets = load<std::uint64_t>(from, 24);
  return content;
}

}  // namespace

std::vector<std::byte> header_of(const Origin& origin) {
  std::size_t length = kHeaderLength;
  for (const CountedMessage& message : origin.first_messages) {
    length += kContentLength + 4 + message.bytes.size();
  }
  std::vector<std::byte> bytes(length);
  WireWriter writer(bytes);
  writer.octets(std::as_bytes(std::span(kMagic)));
  writer.u64(origin.run);
  writer.u32(static_cast<std::uint32_t>(length - kHeaderLength));
  writer.u32(0);  // the CRC counts its own octets as zeros
  for (const CountedMessage& message : origin.first_messages) {
    put_content(writer, message.content);
    writer.u32(static_cast<std::uint32_t>(message.bytes.size()));
    writer.octets(message.bytes);
  }
  writer.overwrite_u32(28, crc(bytes));
  return bytes;
}

std::vector<std::byte> record_of(const KeptMessage& message, RecordState state) {
  std::vector<std::byte> bytes(kRecordHeader + message.bytes.size());
  const auto kept = std::chrono::duration_cast<milliseconds>(message.kept.time_since_epoch());
  WireWriter writer(bytes);
  writer.u8(static_cast<std::uint8_t>(state));
  writer.u32(static_cast<std::uint32_t>(message.bytes.size()));
  writer.u32(0);  // the CRC, of what follows
  writer.u64(static_cast<std::uint64_t>(kept.count()));
  put_content(writer, message.content);
  writer.octets(message.bytes);
  writer.overwrite_u32(5, crc(std::span(bytes).subspan(kCovered)));
  return bytes;
}

std::optional<std::size_t> preamble_length(std::span<const std::byte> header) {
  if (std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  const std::size_t length = load<std::uint32_t>(header, 24);
  return length <= kLongestPreamble ? std::optional(length) : std::nullopt;
}

std::shared_ptr<const Origin> read_origin(std::vector<std::byte> bytes) {
  const auto sum = load<std::uint32_t>(bytes, 28);
  wire::store(bytes.data() + 28, std::uint32_t{0});
  if (crc(bytes) != sum) return nullptr;
  Origin origin;
  origin.run = load<std::uint64_t>(bytes, 16);
  std::span<const std::byte> rest = std::span<const std::byte>(bytes).subspan(kHeaderLength);
  while (!rest.empty()) {
    if (rest.size() < kContentLength + 4) return nullptr;
    const std::size_t message = load<std::uint32_t>(rest, kContentLength);
    const std::span<const std::byte> behind = rest.subspan(kContentLength + 4);
    if (message > behind.size() || !is_ipfix_message(behind.first(message))) return nullptr;
    const auto first = behind.first(message);
    origin.first_messages.push_back({{first.begin(), first.end()}, get_content(rest)});
    rest = behind.subspan(message);
  }
  return std::make_shared<const Origin>(std::move(origin));
}

std::optional<std::size_t> record_length(std::span<const std::byte> header) {
  const std::size_t message = load<std::uint32_t>(header, 1);
  if (message < kShortestMessage || message > kLongestMessage) return std::nullopt;
  return kRecordHeader + message;
}

std::optional<KeptMessage> read_record(std::span<const std::byte> record) {
  if (crc(record.subspan(kCovered)) != load<std::uint32_t>(record, 5)) return std::nullopt;
  const std::span<const std::byte> message = record.subspan(kRecordHeader);
  if (!is_ipfix_message(message) && !is_lines(message)) return std::nullopt;
  KeptMessage kept;
  // A clock that was wrong when it was written; nanoseconds end in 2262.
  constexpr auto kLatest = std::chrono::floor<milliseconds>(TimePoint::max()).time_since_epoch();
  const auto since = std::min<std::uint64_t>(load<std::uint64_t>(record, kCovered),
                                             static_cast<std::uint64_t>(kLatest.count()));
  kept.kept = TimePoint(milliseconds(static_cast<milliseconds::rep>(since)));
  kept.content = get_content(record.subspan(kCovered + 8));
  kept.bytes.assign(message.begin(), message.end());
  return kept;
}

RecordState state_of(std::span<const std::byte> record) {
  const auto state = static_cast<RecordState>(record[0]);
  const bool known = state == RecordState::kHandedOver || state == RecordState::kTaken;
  return known ? state : RecordState::kWaits;
}

}  // namespace ctflow::spool_format
