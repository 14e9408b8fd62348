// SPDX-License-Identifier: GPL-2.0-or-later
// The hash table of the connections that were reported while they lived.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "conntrack/reported/keyed_table.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// Tenths of a second of the steady clock since the program began: 13 years in 32 bits.
using Tenths = std::chrono::duration<std::uint32_t, std::deci>;

/// What is remembered of one connection. One cache line.
struct ReportedConnection {
  std::uint64_t key = 0;
  Counters original_counters;      ///< what was reported so far
  Counters reply_counters;         ///< what was reported so far
  TimePoint reported_until{};      ///< `end` of the previous report, `start` of the next
  std::uint32_t seen_packets = 0;  ///< of both directions at the last visit, modulo 2^32
  Tenths visited{};                ///< the last visit: the earliest that the kernel wrote it
  Tenths grown{};  ///< the latest of the last visit that found more packets than the one before
  /// Tenths of a second from the visit before `grown` to `grown`.
  std::uint16_t window = kUnknownWindow;
  std::uint8_t scan = 0;        ///< the scan that met it last
  std::uint8_t visits : 7 = 0;  ///< since the previous report
  bool wire : 1 = false;        ///< the counters are those of the wire

  static constexpr std::uint16_t kUnknownWindow = 0xffff;
};
static_assert(sizeof(ReportedConnection) == 64);

using ReportedMap = KeyedTable<ReportedConnection>;

}  // namespace ctflow
