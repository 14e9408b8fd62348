// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/netflow5.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "encode/record_values.hpp"

namespace ctflow {
namespace {

constexpr std::uint16_t kVersion = 5;
constexpr std::uint64_t kMost32 = std::numeric_limits<std::uint32_t>::max();

// Where fields stand in the header and in a record.
constexpr std::size_t kCount = 2;
constexpr std::size_t kUptime = 4;
constexpr std::size_t kSeconds = 8;
constexpr std::size_t kNanoseconds = 12;
constexpr std::size_t kSequence = 16;
constexpr std::size_t kEngine = 20;
constexpr std::size_t kFirst = 24;
constexpr std::size_t kLast = 28;

constexpr std::uint8_t kIcmp = 1;

/// How many records the counters of a direction need.
std::uint64_t parts_of(const Counters& counters) {
  const std::uint64_t most = std::max(counters.packets, counters.octets);
  return most == 0 ? 1 : (most - 1) / kMost32 + 1;
}

/// The share of one of `parts`; all of them add up to `total`.
std::uint32_t share(std::uint64_t total, std::uint64_t part, std::uint64_t parts) {
  return static_cast<std::uint32_t>(total / parts + (part < total % parts ? 1 : 0));
}

/// What has no place in 16 bits is not known.
std::uint16_t interface(std::uint32_t index) {
  return index <= std::numeric_limits<std::uint16_t>::max() ? static_cast<std::uint16_t>(index)
                                                            : std::uint16_t{0};
}

/// ICMP has type and code in the place of the destination port.
std::uint16_t destination_port(const Record& record) {
  return record_value::protocol(record) == kIcmp ? record_value::icmp_type_code(record)
                                                 : record_value::destination_port(record);
}

std::span<const std::byte> ipv4(const IpAddress& address) {
  constexpr std::size_t kOctets = 4;
  return std::as_bytes(std::span(address.octets)).first(kOctets);
}

}  // namespace

Netflow5Encoder::Netflow5Encoder(const EncoderOptions& options, TimePoint boot)
    : format_(Protocol::kNetflow5, options),
      extras_(options.extras),
      engine_(static_cast<std::uint16_t>(options.observation_domain)),
      uptime_(boot) {}

void Netflow5Encoder::begin(std::span<std::byte> buffer) {
  writer_ = WireWriter(buffer);
  room_ = buffer.size();
  content_ = {};
  latest_ = {};
  writer_.zeros(kHeaderLength);
}

bool Netflow5Encoder::is_full() const {
  return content_.data_records == kMostRecords || room_ - writer_.size() < kRecordLength;
}

bool Netflow5Encoder::add(const Flow& flow) {
  // A direction in which nothing came has no record; one of the two there is always.
  const bool answered = flow.reply_counters.packets > 0;
  const bool asked = flow.original_counters.packets > 0 || !answered;
  const std::uint64_t there = asked ? parts_of(flow.original_counters) : 0;
  const std::uint64_t back = answered ? parts_of(flow.reply_counters) : 0;
  while (written_ < there + back) {
    if (is_full()) return false;
    if (written_ < there) {
      write_record({flow, true}, written_, there);
    } else {
      write_record({flow, false}, written_ - there, back);
    }
    ++written_;
  }
  written_ = 0;
  ++content_.flows;
  return true;
}

void Netflow5Encoder::write_record(const Record& record, std::uint64_t part, std::uint64_t parts) {
  constexpr std::size_t kTimes = 8;
  constexpr std::size_t kSystems = 4;
  const std::uint32_t packets = share(record_value::packets(record), part, parts);
  const std::uint32_t octets = share(record_value::octets(record), part, parts);
  const bool measured = extras_ && record.flow.extras.present;
  writer_.octets(ipv4(record_value::source(record)));
  writer_.octets(ipv4(record_value::destination(record)));
  writer_.octets(ipv4(record_value::next_hop(record)));
  writer_.u16(interface(record_value::ingress_interface(record)));
  writer_.u16(interface(record_value::egress_interface(record)));
  writer_.u32(packets);
  writer_.u32(octets);
  writer_.zeros(kTimes);  // finish() has them
  writer_.u16(record_value::source_port(record));
  writer_.u16(destination_port(record));
  writer_.u8(0);
  writer_.u8(measured ? static_cast<std::uint8_t>(record_value::tcp_control_bits(record))
                      : std::uint8_t{0});
  writer_.u8(record_value::protocol(record));
  writer_.u8(measured ? record_value::class_of_service(record) : std::uint8_t{0});
  writer_.zeros(kSystems);  // autonomous systems are not known
  writer_.u8(record_value::source_prefix_length(record));
  writer_.u8(record_value::destination_prefix_length(record));
  writer_.u16(0);
  times_.at(content_.data_records) = {record.flow.start, record.flow.end};
  latest_ = std::max(latest_, record.flow.end);
  ++content_.data_records;
  content_.packets += packets;
  content_.octets += octets;
}

std::span<const std::byte> Netflow5Encoder::finish(TimePoint now) {
  // No flow may end after the datagram that reports it, even if the clock was set back.
  const TimePoint time = std::max(now, latest_);
  const std::uint32_t uptime = uptime_.advance(SystemUptime::since_1970(time));
  for (std::uint32_t i = 0; i < content_.data_records; ++i) {
    const std::size_t record = kHeaderLength + i * kRecordLength;
    const SystemUptime::Times times = uptime_.of(times_.at(i).start, times_.at(i).end);
    writer_.overwrite_u32(record + kFirst, times.start);
    writer_.overwrite_u32(record + kLast, times.end);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  // To the millisecond, as the uptime: collectors subtract one from the other.
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(time - seconds);
  writer_.overwrite_u16(0, kVersion);
  writer_.overwrite_u16(kCount, static_cast<std::uint16_t>(content_.data_records));
  writer_.overwrite_u32(kUptime, uptime);
  writer_.overwrite_u32(kSeconds, static_cast<std::uint32_t>(seconds.time_since_epoch().count()));
  writer_.overwrite_u32(kNanoseconds,
                        static_cast<std::uint32_t>(std::chrono::nanoseconds(rest).count()));
  writer_.overwrite_u32(kSequence, sequence_);
  writer_.overwrite_u16(kEngine, engine_);
  sequence_ += content_.data_records;
  return writer_.written();
}

}  // namespace ctflow
