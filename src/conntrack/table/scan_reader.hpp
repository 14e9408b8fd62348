// SPDX-License-Identifier: GPL-2.0-or-later
// Entries of the connection table -> interim reports.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "conntrack/assembly/flow_assembler.hpp"
#include "conntrack/table/table_dump.hpp"

namespace ctflow {

/// Decides which of the entries that a scan meets are reported now, so that no
/// connection waits longer than the active timeout although the scans are two per active timeout:
/// a connection younger than half of it is left to the next scan, and from then on every second
/// scan reports it.
class ScanReader : public DumpConsumer {
 public:
  enum class Purpose : std::uint8_t {
    kReport,  ///< report what is due
    kAdopt,   ///< remember everything as if it had been reported
    kStop,    ///< report everything: we stop (flowEndReason 4)
    kLeave,   ///< report what is counted as on the wire: we stop
  };

  ScanReader(FlowAssembler& assembler, std::chrono::milliseconds active_timeout)
      : assembler_(assembler), active_timeout_(active_timeout) {}

  /// How far scans are apart.
  [[nodiscard]] std::chrono::milliseconds period() const;

  /// Prepares for a scan. `previous_complete`: the scan before met every entry.
  void begin_scan(Purpose purpose, bool previous_complete);

  /// The kernel sends no event at the end of connections that began before we listened
  /// (nf_conntrack_events=2): they are reported in every scan.
  void existing_end_silently(bool on) { existing_end_silently_ = on; }

  /// The kernel reports the connections that it measures: a scan only looks whether they are there.
  void kernel_reports(bool on) { kernel_reports_ = on; }

  /// What is measured does not stand in the table: whether an entry is follows from when it began
  /// and what was read of it.
  void dumps_lack_extras(bool on) { dumps_lack_extras_ = on; }

  void on_entry(Bytes message, const Written& written) override;
  void on_part_requested() override;
  void on_dump_end(bool complete) override;

  /// From now on, while we stop, what conntrack had counted of connections that are reported as on
  /// the wire is added there.
  void keep_totals(std::vector<ConntrackTotals>& totals) { totals_ = &totals; }

  /// Called at the end of each scan.
  std::function<void(bool complete)> scan_ended;

  /// Entries of this scan that depend on it: the kernel does not report them itself.
  [[nodiscard]] std::uint64_t dependent() const { return dependent_; }

 private:
  /// In terms of the wall clock as it is now: it may have been set while the part waited.
  Written by_present_clock(Written written);
  /// The entry in flow_ is not exported, but there: what was reported of it stays remembered.
  void keep_filtered(const Instant& time);
  /// Decides about the entry in flow_; true: it was reported.
  bool handle_entry(const Written& written);
  /// The entry in flow_ is one that records report, with totals that are not in the table.
  [[nodiscard]] bool has_records(const ConnectionIdentity& identity, const Instant& time) const;
  void adopt(const ConnectionIdentity& identity, const Written& written);
  /// The kernel sends no event at the end of the connection in flow_, as far as is known.
  [[nodiscard]] bool ends_silently() const;
  [[nodiscard]] bool is_due(ReportedConnections::Visit visit, const Instant& time) const;
  bool report(const ConnectionIdentity& identity, const Written& written);

  FlowAssembler& assembler_;
  std::chrono::milliseconds active_timeout_;
  Purpose purpose_ = Purpose::kReport;
  bool existing_end_silently_ = false;
  bool kernel_reports_ = false;
  bool dumps_lack_extras_ = false;
  std::uint64_t dependent_ = 0;
  std::vector<ConntrackTotals>* totals_ = nullptr;  ///< not null: we stop
  bool part_waits_ = true;                          ///< no entry of it was read yet
  std::chrono::nanoseconds set_by_{};  ///< the wall clock, when the kernel had written the part
  std::chrono::nanoseconds set_meanwhile_{};  ///< from then until the part was read
  Flow flow_;
};

}  // namespace ctflow
