// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/ipfix.hpp"

#include "encode/export_time.hpp"
#include "encode/options/interface_options.hpp"

namespace ctflow {
namespace {

constexpr std::uint16_t kVersion = 10;     // RFC 7011 section 3.1
constexpr std::size_t kHeaderLength = 16;  // RFC 7011 section 3.1
constexpr std::uint16_t kTemplateSet = 2;  // RFC 7011 section 3.3.2
constexpr std::uint16_t kOptionsSet = 3;   // RFC 7011 section 3.3.2

constexpr std::uint16_t kObservationDomainId = 149;
constexpr std::uint16_t kSamplingInterval = 34;
constexpr std::uint16_t kSamplingAlgorithm = 35;

}  // namespace

IpfixEncoder::IpfixEncoder(const EncoderOptions& options)
    : SetEncoder({kHeaderLength, kTemplateSet, kOptionsSet, 1}, Layout(Format::kIpfix, options),
                 {options.observation_domain, options.exporting_process}, ipfix_statistics()),
      observation_domain_(options.observation_domain) {}

void IpfixEncoder::write_sampling_template(WireWriter& writer) {
  writer.u16(kSamplingOptionsId);
  writer.u16(3);  // fields
  writer.u16(1);  // of which scope fields (RFC 7011 section 3.4.2.2)
  writer.u16(kObservationDomainId);
  writer.u16(4);
  writer.u16(kSamplingInterval);
  writer.u16(4);
  writer.u16(kSamplingAlgorithm);
  writer.u16(1);
}

void IpfixEncoder::write_sampling_record(WireWriter& writer) {
  writer.u32(observation_domain_);
  writer.u32(1);  // one of one packet
  writer.u8(1);   // deterministic
}

void IpfixEncoder::write_interface_template(WireWriter& writer) {
  write_ipfix_interface_template(writer);
}

void IpfixEncoder::write_interface_record(WireWriter& writer, std::uint32_t index,
                                          std::string_view name) {
  ctflow::write_interface_record(writer, observation_domain_, index, name);
}

std::span<const std::byte> IpfixEncoder::finish(TimePoint now) {
  WireWriter& writer = close_message();
  writer.overwrite_u16(0, kVersion);
  writer.overwrite_u16(2, static_cast<std::uint16_t>(writer.size()));
  writer.overwrite_u32(4, export_seconds(export_time(now)));
  writer.overwrite_u32(8, sequence_);
  writer.overwrite_u32(12, observation_domain_);
  sequence_ += content().data_records + content().option_records;
  return writer.written();
}

}  // namespace ctflow
