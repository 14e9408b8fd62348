// SPDX-License-Identifier: GPL-2.0-or-later
// The state of a source beside its part of the ledger.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/extras_source.hpp"

namespace ctflow {

/// How many datagrams one reading of the event socket brought.
struct BatchSizes {
  /// Upper bounds; the last is what one reading can bring at most.
  static constexpr std::array<std::uint32_t, 7> kBounds{1, 2, 4, 8, 16, 32, 64};

  std::array<std::uint64_t, kBounds.size()> counts{};  ///< readings by bound, not cumulated
  std::uint64_t readings = 0;
  std::uint64_t datagrams = 0;

  void add(std::size_t datagrams_read) {
    std::size_t bucket = 0;
    while (bucket + 1 < kBounds.size() && datagrams_read > kBounds[bucket]) ++bucket;
    ++counts[bucket];
    ++readings;
    datagrams += datagrams_read;
  }
};

/// The queue of events that wait in the kernel.
struct EventQueueStatus {
  std::size_t used = 0;       ///< octets, with the kernel's bookkeeping
  std::size_t limit = 0;      ///< octets at which the kernel begins to drop
  std::size_t most_used = 0;  ///< the most that was found when reading began
  std::uint32_t dropped = 0;  ///< datagrams that found no room, the kernel's count, mod 2^32
  std::uint32_t port_id = 0;  ///< names our row of /proc/net/netlink
  BatchSizes batches;
};

/// Scans of the connection table.
struct ScanStatus {
  std::uint64_t complete = 0;
  std::uint64_t incomplete = 0;             ///< the table changed its size, or reading failed
  std::chrono::milliseconds last_lasted{};  ///< of the last scan; it is made slowly on purpose
  std::uint64_t last_entries = 0;           ///< connections that the last scan met
};

/// Reported connections, in memory.
struct ReportedStatus {
  std::size_t connections = 0;
  std::size_t limit = 0;
  std::size_t octets = 0;
};

/// What is known of the kernel's timeouts, by which the ends of flows are computed.
enum class TimeoutKnowledge : std::uint8_t {
  kAssumed,    ///< the kernel's defaults, on purpose: a recording is read
  kRead,       ///< the settings in force
  kKept,       ///< they cannot be read now: those that were read last
  kNeverRead,  ///< they could never be read: the kernel's defaults
};

/// Where connections are left out by `source.filter` and `source.own_traffic`.
struct FilterStatus {
  bool events = false;          ///< by the kernel, before events are queued: not counted
  bool after_decoding = false;  ///< by ctflowd: counted as filtered
  bool own_traffic = false;     ///< connections to collectors, after decoding

  friend bool operator==(const FilterStatus&, const FilterStatus&) = default;
};

/// Who may set counters to zero: programs that are known to do so and ran when some last fell.
struct CounterResetters {
  std::vector<std::string> programs{};
  bool hidden = false;  ///< processes of other users cannot be seen
};

struct SourceStatus {
  EventQueueStatus queue;
  ScanStatus scans;
  ReportedStatus reported;
  TimeoutKnowledge timeouts = TimeoutKnowledge::kAssumed;
  Capabilities capabilities;
  std::string obstacle{};  ///< why nothing measures more than that; empty: nothing does, or need
  FilterStatus filter;
  CounterResetters resetters{};  ///< empty while no counter fell
};

}  // namespace ctflow
