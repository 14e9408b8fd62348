// SPDX-License-Identifier: GPL-2.0-or-later
// The output that counts who used how much.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accounting/accounts.hpp"
#include "accounting/counted_reports.hpp"
#include "accounting/live_counts.hpp"
#include "accounting/session_ledger.hpp"
#include "accounting/writer.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/output.hpp"
#include "enrich/neighbours/neighbour_mirror.hpp"
#include "ledger/export_ledger.hpp"

namespace ctflow {

/// A flow report is added to every aggregate in memory, and is sent when its transaction is
/// committed. While the database refuses, reports are added to what waits, which is bounded: rows
/// merge into `other`, and the sums stay.
class Accounting : public Output {
 public:
  /// Reads the addresses of this host, and names of devices. `neighbours`: null where no aggregate
  /// has devices. `read_uncounted`: empty where it is not asked for. `left_out`: the settings that
  /// keep connections from it. Throws std::system_error.
  Accounting(const AccountingConfig& config, accounting::ReadSurroundings read_surroundings,
             std::shared_ptr<const OutputContext> context, Clock clock = system_now,
             std::shared_ptr<const NeighbourMirror> neighbours = nullptr,
             accounting::ReadUncounted read_uncounted = {},
             const std::vector<std::string>& left_out = {});
  ~Accounting() override = default;

  Accounting(const Accounting&) = delete;
  Accounting& operator=(const Accounting&) = delete;
  Accounting(Accounting&&) = delete;
  Accounting& operator=(Accounting&&) = delete;

  void offer(const Flow& flow, const Instant& now) override;
  void tick() override;
  [[nodiscard]] MonoTime deadline() const override { return deadline_; }
  void flush() override {}  // what was offered is kept for the case of a kill
  void checkpoint() override;
  void stop() override;
  std::optional<Usage> usage(std::optional<AccountingKey> by) override;

 private:
  void describe(OutputStatus& status, const Instant& now) const override;
  void enter(const Flow& flow, const Instant& now);
  void keep(const Flow& flow, const accounting::Classified& added);
  void open_counted();
  [[nodiscard]] std::vector<accounting::LeftSession> left_sessions(bool& another_runs) const;
  void open_session();
  void watch_losses(const Instant& now);
  void add_vanished(const Instant& now);
  void watch_uncounted(const Instant& now);
  void watch_events(const Instant& now);
  void settle(const Instant& now);
  void report_failure(const Instant& now);
  void hand_over(const Instant& now);
  void end_asked(const Instant& now);
  void note_wanted();
  [[nodiscard]] const Neighbours& neighbours() const {
    return neighbours_ ? neighbours_->table() : no_neighbours_;
  }
  [[nodiscard]] accounting::InterfaceTexts interfaces() const;
  [[nodiscard]] std::vector<QuotaStatus> quotas(const Instant& now) const;

  const AccountingConfig config_;  ///< with the database of the namespace
  const std::shared_ptr<const OutputContext> context_;
  const Clock clock_;
  const std::string session_prefix_;
  ExportLedger ledger_;
  std::shared_ptr<const accounting::Accounts> accounts_;
  std::shared_ptr<const accounting::Surroundings> surroundings_;
  accounting::RecentPlaces places_;                    ///< by surroundings_
  std::shared_ptr<const NeighbourMirror> neighbours_;  ///< null: no aggregate has devices
  const Neighbours no_neighbours_{};
  std::shared_ptr<const accounting::DeviceNames> device_names_;    ///< null: the same
  std::shared_ptr<const accounting::DeviceNames> complete_names_;  ///< with those of neighbours
  struct Asked {
    accounting::LiveCounts counts;
    MonoTime at{};  ///< for the last time
  };
  std::optional<accounting::LiveCounts> metrics_;
  std::list<Asked> asked_;                              ///< by usage(), for a while
  accounting::KeySelection wanted_{{}};                 ///< by aggregates, metrics_ and asked_
  std::shared_ptr<accounting::SessionLedger> session_;  ///< null: it could not be made
  std::vector<std::uint64_t> undone_;  ///< records of counted reports that do not hold
  std::optional<accounting::CountedReports> counted_;  ///< from the first tick, or report, on
  std::unique_ptr<accounting::Batch> current_;
  std::unique_ptr<accounting::Batch> spare_;  ///< null: the writer has it
  std::unique_ptr<accounting::Writer> writer_;
  accounting::QuotaSums given_quotas_;                               ///< of the batch that it has
  std::shared_ptr<const accounting::QuotasWritten> written_quotas_;  ///< null: not known
  /// What began without events may end without one until then.
  MonoTime events_off_until_ = MonoTime::min();
  accounting::Causes uncounted_;  ///< what forwards packets uncounted, by the last look
  accounting::Causes left_out_;
  std::uint64_t merged_ = 0;      ///< cells of batches that the writer was given
  std::uint64_t given_rows_ = 0;  ///< of batches that it has
  UpstreamLosses losses_{};       ///< at the last look
  bool started_ = false;
  MonoTime deadline_ = MonoTime::min();
  MonoTime commit_at_{};
  std::optional<MonoTime> committed_{};
  LastFailure last_failure_{};
  bool failing_ = false;  ///< as logged
};

}  // namespace ctflow
