// SPDX-License-Identifier: GPL-2.0-or-later
// What was exported, ignored and lost so far, as options: the three statistics of RFC 7011 section
// 4, and what of them NetFlow v9 has (RFC 3954 section 8).
#pragma once

#include <cstdint>
#include <span>

#include "ctflow/encoder.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow {

/// Whom the statistics are of.
struct StatisticsScope {
  std::uint32_t observation_domain = 0;
  std::uint32_t exporting_process = 0;  ///< exportingProcessId, unique on this host
};

/// One kind of statistics.
struct StatisticsOptions {
  std::uint16_t id;  ///< Template ID
  /// Writes the Options Template Record, without Set header; and one record.
  void (*write_template)(WireWriter& writer);
  void (*write_record)(WireWriter& writer, const StatisticsScope& scope,
                       const ExportStatistics& statistics);
};

std::span<const StatisticsOptions> ipfix_statistics();
std::span<const StatisticsOptions> netflow9_statistics();

}  // namespace ctflow
