// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/ipfix.hpp"

#include "encode/export_time.hpp"

namespace ctflow {
namespace {

constexpr std::uint16_t kIpfixVersion = 10;  // RFC 7011 section 3.1
constexpr std::size_t kIpfixHeader = 16;     // RFC 7011 section 3.1
constexpr std::uint16_t kTemplateSet = 2;    // RFC 7011 section 3.3.2
constexpr std::uint16_t kOptionsSet = 3;     // RFC 7011 section 3.3.2

}  // namespace

IpfixEncoder::IpfixEncoder(const EncoderOptions& options)
    : SetEncoder({kIpfixHeader, kTemplateSet, kOptionsSet, 1},
                 RecordFormat(Protocol::kIpfix, options),
                 {options.observation_domain, options.exporting_process},
                 options_layouts(Protocol::kIpfix)),
      observation_domain_(options.observation_domain) {}

void IpfixEncoder::write_options_head(WireWriter& writer, const OptionsLayout& layout) {
  writer.u16(layout.id);
  writer.u16(static_cast<std::uint16_t>(layout.fields.size()));
  writer.u16(1);  // of which scope fields (RFC 7011 section 3.4.2.2)
}

std::span<const std::byte> IpfixEncoder::finish(TimePoint now) {
  WireWriter& writer = close_message();
  writer.overwrite_u16(0, kIpfixVersion);
  writer.overwrite_u16(2, static_cast<std::uint16_t>(writer.size()));
  writer.overwrite_u32(4, export_seconds(export_time(now)));
  writer.overwrite_u32(8, sequence_);
  writer.overwrite_u32(12, observation_domain_);
  sequence_ += content().data_records + content().option_records;
  return writer.written();
}

}  // namespace ctflow
