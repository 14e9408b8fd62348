// SPDX-License-Identifier: GPL-2.0-or-later
// The output that logs translations: who used which public address and port, and when.
#pragma once

#include <memory>
#include <string>

#include "ctflow/clock.hpp"
#include "ctflow/output.hpp"
#include "ledger/export_ledger.hpp"
#include "nat_log/store.hpp"
#include "nat_log/writer.hpp"

namespace ctflow {

/// A beginning or end is sent when its transaction is committed. What finds no room in the queue is
/// lost, and the log has a hole then. `maps`: where what follows a static map needs no row.
class NatLog : public Output {
 public:
  NatLog(const NatLogConfig& config, nat::ReadTable read_table,
         std::shared_ptr<const OutputContext> context, Clock clock = system_now,
         std::unique_ptr<nat::MapSource> maps = nullptr, nat::Feed feed = {});
  ~NatLog() override = default;

  NatLog(const NatLog&) = delete;
  NatLog& operator=(const NatLog&) = delete;
  NatLog(NatLog&&) = delete;
  NatLog& operator=(NatLog&&) = delete;

  void offer(const Flow& flow, const Instant& now) override;
  void tick() override;
  [[nodiscard]] MonoTime deadline() const override { return deadline_; }
  void flush() override {}
  void stop() override;

 private:
  void describe(OutputStatus& status, const Instant& now) const override;
  void settle();
  void report_failure(const Instant& now);
  /// Adds a hole if events were lost or are off, or the event loop stood still and so they were
  /// read late; and has the table compared if a connection vanished.
  void watch_feed(const Instant& now, bool late);
  void begin_hole(nat::HoleReason reason, nat::Moment began, const char* fix);
  /// Hands the hole over, if there is one and room for it.
  void add_hole();

  const NatLogConfig config_;
  const std::shared_ptr<const OutputContext> context_;
  const Clock clock_;
  ExportLedger ledger_;
  nat::Writer writer_;
  std::uint64_t settled_ = 0;  ///< of what the writer has written: in the ledger
  nat::NatEvent hole_;         ///< not handed over yet, if `has_hole_`
  bool has_hole_ = false;
  bool late_ = false;             ///< events were read late, and there is no hole for that yet
  bool events_off_ = false;       ///< as handed over
  std::uint64_t missed_ = 0;      ///< UpstreamLosses::missed_events at the last look
  std::uint64_t reconciled_ = 0;  ///< … UpstreamLosses::reconciled
  nat::Moment looked_{};          ///< the time of that …
  nat::Moment looked_before_{};   ///< … and of the one before
  MonoTime deadline_ = MonoTime::min();
  LastFailure last_failure_{};
  bool failing_ = false;  ///< as logged
};

}  // namespace ctflow
