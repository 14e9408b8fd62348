// SPDX-License-Identifier: GPL-2.0-or-later
// When the table is read, and what follows a scan.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "conntrack/reported/state_file.hpp"
#include "conntrack/table/scan_reader.hpp"
#include "conntrack/table/table_dump.hpp"
#include "conntrack/table/unread_ends.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/source_status.hpp"
#include "event_loop/timer.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// Two scans per active timeout. After each complete one, when all events sent until then were
/// read, connections that two scans in a row did not meet are forgotten: they went without one.
/// Those stay whose event waits to be delivered (UnreadEnds).
///
/// Where the kernel reports the connections that it measures, scans go on only while they meet
/// connections it does not measure, or may meet such, and after an overrun of the event socket.
class TableScans {
 public:
  /// `assembler`, `ends` and `extras` must outlive this. `home`: the namespace whose table it is.
  TableScans(boost::asio::io_context& io, FlowAssembler& assembler, UnreadEnds& ends,
             ExtrasSource& extras, const SourceConfig& config, const NetworkNamespace& home);

  /// From now on what was reported is kept there, after each scan, as often where none is needed,
  /// and at the end. It must outlive this; nullptr: nowhere.
  void keep_state(StateFile* file) { state_ = file; }

  TableScans(const TableScans&) = delete;
  TableScans& operator=(const TableScans&) = delete;
  TableScans(TableScans&&) = delete;
  TableScans& operator=(TableScans&&) = delete;
  ~TableScans() = default;

  /// Takes what exists now as already reported; returns when all is read.
  void adopt_existing();

  /// Begins the first scan. Nothing happens when the active timeout is off.
  void start();

  /// Events were lost: two quick scans that begin after this find which of the reported connections
  /// are gone.
  void reconcile();

  [[nodiscard]] const ScanStatus& status() const { return status_; }

  /// Keeps the state as it is now; to be called when nothing more will be reported.
  void save_state();

  /// Ends the scans; then reports what exists, if `report_existing`, or else what the next ctflowd
  /// counts otherwise. `totals` gets what conntrack had counted of that.
  void stop(bool report_existing, std::vector<ConntrackTotals>& totals);

 private:
  void begin();
  [[nodiscard]] std::chrono::milliseconds scan_duration(bool silent) const;
  void on_end(bool complete);
  /// Waits until the next scan is to begin.
  void schedule(MonoTime when);
  /// `scan`: until which connections were met that are not gone. Nothing: none is forgotten.
  void begin_sweep(std::optional<std::uint8_t> scan);
  void store_ends();
  bool put_state();
  void sweep();
  [[nodiscard]] bool needed();
  /// What netfilter programs counted ends with them: the next ctflowd goes on by conntrack's
  /// counters.
  [[nodiscard]] bool leaves_totals();
  /// Connections have begun lately that may not be measured: scans have to find out which.
  bool some_are_unmeasured();

  FlowAssembler& assembler_;
  UnreadEnds& ends_;
  ExtrasSource& extras_;
  SourceConfig config_;
  NetworkNamespace home_;
  TableDump dump_;
  ScanReader reader_;
  Timer scan_timer_;
  Timer sweep_timer_;
  MonoTime began_{};
  StateFile* state_ = nullptr;
  bool saving_ = false;  ///< by the sweep
  std::size_t sweep_position_ = ReportedMap::kSwept;
  std::optional<std::uint8_t> awaited_;  ///< a scan whose sweep begins when this one has ended
  std::uint64_t overruns_ = 0;           ///< when the last scan began
  std::uint64_t unmeasured_ = 0;         ///< when it was last looked at
  MonoTime unmeasured_until_{};          ///< ScanReader::has_records() is not sure of all
  std::optional<std::uint8_t> sweep_scan_;
  std::uint64_t vanished_ = 0;  ///< in this sweep
  int quick_ = 0;               ///< scans that are to be made at once
  bool complete_ = false;       ///< the last scan
  bool kernel_reports_ = false;
  ScanStatus status_;
  std::uint64_t entries_before_ = 0;  ///< counted before this scan
};

}  // namespace ctflow
