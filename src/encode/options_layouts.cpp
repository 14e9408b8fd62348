// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/options_layouts.hpp"

#include <array>

#include "encode/element_table.hpp"
#include "encode/template_ids.hpp"

namespace ctflow {
namespace {

constexpr auto kDomain = options_fields("observationDomainId");
constexpr auto kProcess = options_fields("exportingProcessId");
/// RFC 3954 section 6.1: scopes have numbers of their own, 1 is the exporter.
constexpr std::array kSystem{OptionsField{1, kDomain[0].length, kDomain[0].write}};

constexpr auto kSampling = options_fields("samplingInterval", "samplingAlgorithm");

// The one layout with names that nfdump 1.7.1 reads: the exporter as scope, then these with fixed
// lengths; it takes no record without a description.
constexpr auto kInterface =
    options_fields("ingressInterface", "interfaceName", "interfaceDescription");

// RFC 7011 section 4.1: The Metering Process Statistics Options Template.
constexpr auto kMetering = options_fields(
    "exportedMessageTotalCount", "exportedFlowRecordTotalCount", "exportedOctetTotalCount");
// Sections 4.2 and 4.3, without the two observationTimes: Filebeat and Graylog lose a template that
// has an element twice.
constexpr auto kMeteringReliability =
    options_fields("ignoredPacketTotalCount", "ignoredOctetTotalCount");
constexpr auto kExportingReliability =
    options_fields("notSentFlowTotalCount", "notSentPacketTotalCount", "notSentOctetTotalCount");

constexpr auto kIpfixSampling = kDomain + kSampling;
constexpr auto kIpfixInterface = kDomain + kInterface;
constexpr auto kIpfixMetering = kDomain + kMetering;
constexpr auto kIpfixMeteringReliability = kDomain + kMeteringReliability;
constexpr auto kIpfixExportingReliability = kProcess + kExportingReliability;

constexpr auto kNetflow9Sampling = kSystem + kSampling;
constexpr auto kNetflow9Interface = kSystem + kInterface;
constexpr auto kNetflow9Metering = kSystem + kMetering;

constexpr std::array kIpfixStatistics{
    OptionsLayout{template_ids::kMetering, kIpfixMetering},
    OptionsLayout{template_ids::kMeteringReliability, kIpfixMeteringReliability},
    OptionsLayout{template_ids::kExportingReliability, kIpfixExportingReliability}};
// RFC 3954 section 8 has no field types for the others.
constexpr std::array kNetflow9Statistics{OptionsLayout{template_ids::kMetering, kNetflow9Metering}};

constexpr OptionsLayouts kIpfix{{template_ids::kSampling, kIpfixSampling},
                                {template_ids::kInterfaceNames, kIpfixInterface},
                                kIpfixStatistics};
constexpr OptionsLayouts kNetflow9{{template_ids::kSampling, kNetflow9Sampling},
                                   {template_ids::kInterfaceNames, kNetflow9Interface},
                                   kNetflow9Statistics};

}  // namespace

const OptionsLayouts& options_layouts(Protocol protocol) {
  return protocol == Protocol::kIpfix ? kIpfix : kNetflow9;
}

void write_options_record(WireWriter& writer, const OptionsLayout& layout,
                          const OptionsRecord& record) {
  std::byte* room = writer.claim(record_length(layout.fields));
  if (room == nullptr) return;
  for (const OptionsField& field : layout.fields) {
    field.write(room, record);
    room += field.length;
  }
}

}  // namespace ctflow
