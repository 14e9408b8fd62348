// SPDX-License-Identifier: GPL-2.0-or-later
// The seam to the eBPF programs that measure connections and send records of them. A fake in tests
// replaces the kernel.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <string>

#include "measurement.h"

namespace ctflow {

/// How much memory the programs may take.
struct MeasuringSizes {
  /// Connections measured at the same time, about 250 octets each while they exist; 0: as many as
  /// the connection table may have (nf_conntrack_max). More than these are not measured, and
  /// counted.
  std::uint32_t connections = 0;
  std::uint32_t ring_octets = 32U << 20U;  ///< a power of two, and of pages; 352 per record
};

/// What is to be sent of the connections of one network namespace.
struct Watch {
  /// A connection in the table with packets is reported at least this often; 0: only at its end.
  std::chrono::nanoseconds interval{};
  bool created = false;  ///< records of connections that begin, too

  friend bool operator==(const Watch&, const Watch&) = default;
};

/// Counts since the programs were attached, by enum ctflow_loss.
using RecordLosses = std::array<std::uint64_t, CTFLOW_LOSSES>;

/// What the programs were not run for, because the kernel skips a program that is interrupted by
/// itself on the same processor. Of all namespaces, since the programs were attached.
struct MissedRuns {
  std::uint64_t packets = 0;     ///< that were not counted
  std::uint64_t ends = 0;        ///< removals of entries of which no record was sent
  std::uint64_t beginnings = 0;  ///< … of which no record of the beginning was sent

  friend bool operator==(const MissedRuns&, const MissedRuns&) = default;
};

/// One set of programs for all namespaces of an event loop. Nothing throws. The destructor
/// detaches.
class MeasuringPrograms {
 public:
  using Take = std::function<void(const ctflow_record&)>;

  virtual ~MeasuringPrograms() = default;

  /// Loads and attaches the programs, unless they are. Empty: they are attached. Else one line that
  /// says why they cannot be: no BTF, a missing capability, the verifier's last words, lockdown.
  /// Without a watch attached programs measure nothing.
  virtual std::string load() = 0;

  /// From now on connections that begin in this namespace are measured; of all that end there, the
  /// measured ones or not, a record is sent. Changes a watch that is there. `netns`: inode of the
  /// namespace (nsfs). Empty: done; else why not. Only after load().
  virtual std::string watch(std::uint64_t netns, const Watch& what) = 0;

  /// No more records come of it. What the ring holds can still be read, and losses(), until the
  /// watch of another namespace ends.
  virtual void unwatch(std::uint64_t netns) = 0;

  /// Readable while the ring holds records. Only after load().
  [[nodiscard]] virtual int descriptor() const = 0;

  /// Gives at most `limit` records to `take`, in the order in which they were sent. Returns how
  /// many; fewer than `limit`: there are no more now.
  virtual std::size_t consume(const Take& take, std::size_t limit) = 0;

  /// Begins to send CTFLOW_REPORTED of measured connections that have had packets since their
  /// previous report, and for which no packet comes that would send it, although the interval is
  /// over. With a million connections that takes so long that the ring overruns if it is not read
  /// meanwhile: it goes on in a thread, beside which everything here may be called but this and the
  /// destructor, which waits. It ends with false: the ring had no room for all; to be begun again
  /// when it was read. Such are no losses.
  [[nodiscard]] virtual std::future<bool> sweep() = 0;

  /// The same of every measured connection of one namespace that was not reported since `before`
  /// (CLOCK_MONOTONIC, nanoseconds), with packets or without.
  virtual bool report_all(std::uint64_t netns, std::uint64_t before) = 0;

  /// What could not be done for this namespace, since the programs were attached.
  [[nodiscard]] virtual RecordLosses losses(std::uint64_t netns) const = 0;

  /// Some system calls: not for every batch. Too few for a moment, so that it may fall. Only after
  /// load().
  [[nodiscard]] virtual MissedRuns missed_runs() const = 0;

  /// Packets of flowtables are measured: nf_flow_table was there at load() or at the beginning of a
  /// later sweep.
  [[nodiscard]] virtual bool sees_flowtables() const = 0;
};

}  // namespace ctflow
