// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/options/statistics_options.hpp"

#include <array>

namespace ctflow {
namespace {

// Template IDs.
constexpr std::uint16_t kMeteringId = 292;
constexpr std::uint16_t kMeteringReliabilityId = 293;
constexpr std::uint16_t kExportingReliabilityId = 294;

constexpr std::uint16_t kScopeSystem = 1;  // RFC 3954 section 6.1
constexpr std::uint16_t kExportedOctetTotalCount = 40;
constexpr std::uint16_t kExportedMessageTotalCount = 41;
constexpr std::uint16_t kExportedFlowRecordTotalCount = 42;
constexpr std::uint16_t kExportingProcessId = 144;
constexpr std::uint16_t kObservationDomainId = 149;
constexpr std::uint16_t kIgnoredPacketTotalCount = 164;
constexpr std::uint16_t kIgnoredOctetTotalCount = 165;
constexpr std::uint16_t kNotSentFlowTotalCount = 166;
constexpr std::uint16_t kNotSentPacketTotalCount = 167;
constexpr std::uint16_t kNotSentOctetTotalCount = 168;

/// A scope of 4 octets, then values of 8 (RFC 7011 section 3.4.2.2).
template <std::size_t kCount>
void write_ipfix_template(WireWriter& writer, std::uint16_t id, std::uint16_t scope,
                          const std::array<std::uint16_t, kCount>& elements) {
  writer.u16(id);
  writer.u16(1 + kCount);  // fields
  writer.u16(1);           // of which scope fields
  writer.u16(scope);
  writer.u16(4);
  for (const std::uint16_t element : elements) {
    writer.u16(element);
    writer.u16(8);
  }
}

void write_exported(WireWriter& writer, const ExportStatistics& statistics) {
  writer.u64(statistics.exported_messages);
  writer.u64(statistics.exported_records);
  writer.u64(statistics.exported_octets);
}

constexpr std::array kExported{kExportedMessageTotalCount, kExportedFlowRecordTotalCount,
                               kExportedOctetTotalCount};

// RFC 7011 section 4.1: The Metering Process Statistics Options Template.
constexpr StatisticsOptions kMetering{
    kMeteringId,
    [](WireWriter& writer) {
      write_ipfix_template(writer, kMeteringId, kObservationDomainId, kExported);
    },
    [](WireWriter& writer, const StatisticsScope& scope, const ExportStatistics& statistics) {
      writer.u32(scope.observation_domain);
      write_exported(writer, statistics);
    }};

// Section 4.2, without the two observationTimes: Filebeat and Graylog lose a template that holds an
// element twice.
constexpr StatisticsOptions kMeteringReliability{
    kMeteringReliabilityId,
    [](WireWriter& writer) {
      write_ipfix_template(writer, kMeteringReliabilityId, kObservationDomainId,
                           std::array{kIgnoredPacketTotalCount, kIgnoredOctetTotalCount});
    },
    [](WireWriter& writer, const StatisticsScope& scope, const ExportStatistics& statistics) {
      writer.u32(scope.observation_domain);
      writer.u64(statistics.ignored_packets);
      writer.u64(statistics.ignored_octets);
    }};

// Section 4.3, without the two observationTimes.
constexpr StatisticsOptions kExportingReliability{
    kExportingReliabilityId,
    [](WireWriter& writer) {
      write_ipfix_template(
          writer, kExportingReliabilityId, kExportingProcessId,
          std::array{kNotSentFlowTotalCount, kNotSentPacketTotalCount, kNotSentOctetTotalCount});
    },
    [](WireWriter& writer, const StatisticsScope& scope, const ExportStatistics& statistics) {
      writer.u32(scope.exporting_process);
      writer.u64(statistics.not_sent_flows);
      writer.u64(statistics.not_sent_packets);
      writer.u64(statistics.not_sent_octets);
    }};

constexpr StatisticsOptions kNetflow9{
    kMeteringId,
    [](WireWriter& writer) {
      writer.u16(kMeteringId);
      writer.u16(4);                     // octets of scope fields
      writer.u16(4 * kExported.size());  // octets of option fields
      writer.u16(kScopeSystem);
      writer.u16(4);
      for (const std::uint16_t element : kExported) {
        writer.u16(element);
        writer.u16(8);
      }
    },
    [](WireWriter& writer, const StatisticsScope& scope, const ExportStatistics& statistics) {
      writer.u32(scope.observation_domain);
      write_exported(writer, statistics);
    }};

constexpr std::array kIpfixStatistics{kMetering, kMeteringReliability, kExportingReliability};
constexpr std::array kNetflow9Statistics{kNetflow9};

}  // namespace

std::span<const StatisticsOptions> ipfix_statistics() { return kIpfixStatistics; }
std::span<const StatisticsOptions> netflow9_statistics() { return kNetflow9Statistics; }

}  // namespace ctflow
