// SPDX-License-Identifier: GPL-2.0-or-later
// The ledger of one output: the only place where its counters are written.
#pragma once

#include <cstddef>

#include "ctflow/counters.hpp"
#include "ctflow/encoder.hpp"
#include "ledger/export_amount.hpp"

namespace ctflow {

/// What was offered is filtered, unrepresentable, sent, waiting or lost. A message either is sent
/// or lost at once, or waits and is sent or lost later; each step is one call here.
class ExportLedger {
 public:
  ExportLedger() = default;
  ~ExportLedger() = default;

  // Outputs and transports refer to it.
  ExportLedger(const ExportLedger&) = delete;
  ExportLedger& operator=(const ExportLedger&) = delete;
  ExportLedger(ExportLedger&&) = delete;
  ExportLedger& operator=(ExportLedger&&) = delete;

  /// Flow reports, or NAT events, that the output takes.
  void offer(std::uint64_t count = 1) { counters_.offered += count; }

  /// A flow report that the filter of this output leaves out.
  void leave_out(const FilteredAmount& amount);
  /// One that the protocol has no record of.
  void unrepresentable(const FilteredAmount& amount);

  /// A message of `octets` that did not wait.
  void sent(const MessageContent& content, std::size_t octets);
  /// What did not wait.
  void lost(LossReason reason, const MessageContent& content);

  /// A message waits from now on.
  void wait(const MessageContent& content) { counters_.waiting += amount_of(content); }
  /// One that waited is sent …
  void sent_after_wait(const MessageContent& content, std::size_t octets);
  /// … or so many, without octets of their own …
  void sent_after_wait(const ExportAmount& amount);
  /// … or lost.
  void lost_after_wait(LossReason reason, const ExportAmount& amount);

  /// Found on disk, where an earlier process left it: it waits.
  void recovered(const ExportAmount& amount);
  /// Found on disk, unreadable: what these messages carried is unknown.
  void found_damaged(std::uint64_t messages) { counters_.lost_spool_damaged.messages += messages; }
  /// May leave this host a second time.
  void resent(const ExportAmount& amount);
  /// All that is sent now without the disk having noted it.
  void unrecorded(const ExportAmount& amount) { counters_.unrecorded = amount; }

  void session_begun() { ++counters_.transport_sessions; }
  void spool_failed() { ++counters_.spool_errors; }

  [[nodiscard]] const ExporterCounters& counters() const { return counters_; }

 private:
  void lose(LossReason reason, const ExportAmount& amount);

  ExporterCounters counters_;
};

}  // namespace ctflow
