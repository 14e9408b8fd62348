// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/netflow9.hpp"

#include "encode/element_table.hpp"
#include "encode/export_time.hpp"

namespace ctflow {
namespace {

constexpr std::uint16_t kNetflow9Version = 9;
constexpr std::size_t kNetflow9Header = 20;    // RFC 3954 section 5.1
constexpr std::uint16_t kTemplateFlowSet = 0;  // RFC 3954 section 5.2
constexpr std::uint16_t kOptionsFlowSet = 1;   // RFC 3954 section 6.1
constexpr std::size_t kAlignment = 4;          // RFC 3954 section 5.3

constexpr std::uint16_t kFlowStart = element("flowStartSysUpTime").id;
constexpr std::uint16_t kFlowEnd = element("flowEndSysUpTime").id;

/// Where in a record an element stands, or `nowhere`.
std::size_t offset_of(const Template& layout, std::uint16_t wanted, std::size_t nowhere) {
  std::size_t offset = 0;
  for (const Field& field : layout.fields) {
    if (field.element == wanted) return offset;
    offset += field.length;
  }
  return nowhere;
}

}  // namespace

Netflow9Encoder::Netflow9Encoder(const EncoderOptions& options, TimePoint boot)
    : SetEncoder({kNetflow9Header, kTemplateFlowSet, kOptionsFlowSet, kAlignment, true},
                 RecordFormat(Protocol::kNetflow9, options),
                 {options.observation_domain, options.exporting_process},
                 options_layouts(Protocol::kNetflow9)),
      source_id_(options.observation_domain),
      uptime_(boot) {}

void Netflow9Encoder::begin(std::span<std::byte> buffer) {
  times_.reserve(buffer.size() / layout().shortest_record() + 1);
  times_.clear();
  SetEncoder::begin(buffer);
}

void Netflow9Encoder::record_written(std::size_t offset, const RecordTimes& times,
                                     const Template& fields) {
  if (times_.size() == times_.capacity()) return;  // the record did not fit either
  const std::size_t start = offset_of(fields, kFlowStart, kNowhere);
  const std::size_t end = offset_of(fields, kFlowEnd, kNowhere);
  times_.push_back({offset, start == kNowhere ? kNowhere : offset + start,
                    end == kNowhere ? kNowhere : offset + end, times});
}

void Netflow9Encoder::discard_records(std::size_t offset) {
  while (!times_.empty() && times_.back().record_offset >= offset) times_.pop_back();
}

void Netflow9Encoder::write_options_head(WireWriter& writer, const OptionsLayout& layout) {
  constexpr std::size_t kSpecifier = 4;  // octets
  writer.u16(layout.id);
  writer.u16(kSpecifier);  // octets of scope fields
  writer.u16(static_cast<std::uint16_t>((layout.fields.size() - 1) * kSpecifier));  // of the others
}

std::span<const std::byte> Netflow9Encoder::finish(TimePoint now) {
  WireWriter& writer = close_message();
  const std::uint32_t seconds = export_seconds(now);
  const std::uint32_t uptime = uptime_.advance(std::int64_t{seconds} * 1000);
  for (const PlacedTimes& placed : times_) {
    const SystemUptime::Times times = uptime_.of(placed.times.start, placed.times.end);
    if (placed.start_offset != kNowhere) writer.overwrite_u32(placed.start_offset, times.start);
    if (placed.end_offset != kNowhere) writer.overwrite_u32(placed.end_offset, times.end);
  }
  const MessageContent& held = content();
  writer.overwrite_u16(0, kNetflow9Version);
  writer.overwrite_u16(
      2, static_cast<std::uint16_t>(held.templates + held.data_records + held.option_records));
  writer.overwrite_u32(4, uptime);
  writer.overwrite_u32(8, seconds);
  writer.overwrite_u32(12, sequence_);
  writer.overwrite_u32(16, source_id_);
  ++sequence_;
  return writer.written();
}

}  // namespace ctflow
