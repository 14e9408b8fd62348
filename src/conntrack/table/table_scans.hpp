// SPDX-License-Identifier: GPL-2.0-or-later
// When the table is read, and what follows a pass.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "conntrack/reported/state_file.hpp"
#include "conntrack/table/dying_list.hpp"
#include "conntrack/table/scan_reader.hpp"
#include "conntrack/table/table_dump.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/source_status.hpp"
#include "event_loop/timer.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// Two passes per active timeout. After each complete one, when all events sent until then were
/// read, connections that two passes in a row did not meet are forgotten: they went without one.
/// Those stay whose event waits to be delivered (DyingList).
///
/// Where a patched kernel reports connections itself, passes go on only while they meet
/// connections it does not measure, and after an overrun of the event socket.
class TableScans {
 public:
  /// `assembler`, `dying` and `extras` must outlive this. `home`: the namespace whose table it is.
  TableScans(boost::asio::io_context& io, FlowAssembler& assembler, DyingList& dying,
             ExtrasSource& extras, const SourceConfig& config, const NetworkNamespace& home);

  /// From now on what was reported is kept there, after each pass and at the end. It must outlive
  /// this; nullptr: nowhere.
  void keep_state(StateFile* file) { state_ = file; }

  TableScans(const TableScans&) = delete;
  TableScans& operator=(const TableScans&) = delete;
  TableScans(TableScans&&) = delete;
  TableScans& operator=(TableScans&&) = delete;
  ~TableScans() = default;

  /// Takes what exists now as already reported; returns when all is read.
  void adopt_existing();

  /// Begins the first pass. Nothing happens when the active timeout is off.
  void start();

  /// Events were lost: two quick passes find which of the remembered connections are gone.
  void reconcile();

  [[nodiscard]] const PassStatus& status() const { return status_; }

  /// The kernel leaves out connections of the table (source.filter).
  [[nodiscard]] bool filtered() const { return filter_.filters_dumps(); }

  /// Keeps the state as it is now; to be called when nothing more will be reported.
  void save_state();

  /// Ends the passes; then reports what exists, if `report_living`.
  void stop(bool report_living);

 private:
  void begin();
  [[nodiscard]] std::chrono::milliseconds pass_duration(bool silent) const;
  void on_end(bool complete);
  /// Waits until the next pass is to begin.
  void schedule(MonoTime when);
  /// `pass`: until which connections were met that are not gone. Nothing: none is forgotten.
  void begin_sweep(std::optional<std::uint8_t> pass);
  void store_ends();
  void sweep();
  [[nodiscard]] bool needed() const;

  FlowAssembler& assembler_;
  DyingList& dying_;
  ExtrasSource& extras_;
  SourceConfig config_;
  NetworkNamespace home_;
  KernelFilter filter_;
  TableDump dump_;
  ScanReader reader_;
  Timer pass_timer_;
  Timer sweep_timer_;
  MonoTime began_{};
  StateFile* state_ = nullptr;
  bool saving_ = false;  ///< by the sweep
  std::size_t sweep_position_ = ReportedMap::kSwept;
  std::uint64_t overruns_ = 0;  ///< when the last pass began
  std::optional<std::uint8_t> sweep_pass_;
  std::uint64_t vanished_ = 0;  ///< in this sweep
  int quick_ = 0;               ///< passes that are to be made at once
  bool complete_ = false;       ///< the last pass
  bool kernel_reports_ = false;
  PassStatus status_;
  std::uint64_t entries_before_ = 0;  ///< counted before this pass
};

}  // namespace ctflow
