// SPDX-License-Identifier: GPL-2.0-or-later
// Messages that wait for a connection, in memory and if so configured on disk, in their order.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/transport_status.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"
#include "transport/spool/disk_spool.hpp"
#include "transport/spool/kept_message.hpp"
#include "transport/spool/spool_files.hpp"

namespace ctflow {

/// Three parts, the oldest first: messages that came back from a broken connection (in memory),
/// those on disk, and those in memory behind them. Whatever enters or leaves is entered in the
/// ledger here; a message that was taken by next() still waits in the ledger's sense until sent().
///
/// With a disk, messages go there as soon as no connection takes them, and those that a connection
/// does not take within a second; memory is then only for what the disk refuses. When there is room
/// in neither, the oldest messages go.
class Spool {
 public:
  /// `ledger` must outlive this.
  Spool(const std::string& collector, const SpoolConfig& config, ExportLedger& ledger, Clock clock);
  /// With calls of the test's own; they must outlive this.
  Spool(const std::string& collector, const SpoolConfig& config, ExportLedger& ledger, Clock clock,
        SpoolFiles& files);

  /// Finds what an earlier process left on disk, and begins to read it; again and again until that
  /// succeeds.
  void open();
  /// What is to be done beside: reads on, a little at a time, and tries again what failed. To be
  /// called again after the time that it returns. Nothing: never.
  std::optional<std::chrono::milliseconds> work();

  /// Whether a connection takes messages now. Without one, what is in memory goes to disk.
  void set_connected(bool connected) {
    connected_ = connected;
    if (!connected) spill();
  }

  /// Whether add() would write a message of so many octets to disk, behind what is there.
  [[nodiscard]] bool wants_disk(std::size_t octets) const;
  /// Keeps a message as the newest.
  void add(std::vector<std::byte> bytes, const MessageContent& content,
           const std::shared_ptr<const Origin>& origin);

  /// The oldest message.
  std::optional<KeptMessage> next();
  /// Puts back what next() gave last.
  void put_back(KeptMessage message) {
    std::deque<KeptMessage> one;
    one.push_back(std::move(message));
    give_back(std::move(one), 0);
  }

  /// The kernel has all of it, or the beginning of it. A crash from now on does not repeat it.
  void handed_over(const KeptMessage& message);
  /// It was handed over, and the collector's host does not take it: a crash from now on repeats it.
  /// False: the disk cannot note that.
  bool secure(KeptMessage& message);
  /// The same right before stop(), whenever the disk failed last.
  bool secure_at_stop(KeptMessage& message);
  /// Whether a message is on its way, or waits for its way, for longer than it should without being
  /// on disk.
  [[nodiscard]] bool overdue(const KeptMessage& message) const;
  /// secure() for those that no connection has taken yet.
  void secure_waiting();
  /// The collector's host has it.
  void sent(const KeptMessage& message);
  /// It was handed over, and will neither arrive nor be sent again, as far as is known.
  void lost(const KeptMessage& message, LossReason reason);
  /// The connection broke before the collector's host had these. `left`: how many of them, from
  /// the first, may have left this host.
  void give_back(std::deque<KeptMessage> messages, std::size_t left);

  /// Nothing waits here (what next() gave does not count).
  [[nodiscard]] bool empty() const {
    return returned_.empty() && memory_.empty() && (!disk_ || disk_->empty());
  }
  /// Why the directory cannot be used just now; empty: it can, or none is configured.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  /// What waits here, and what next() gave and is not settled, in octets.
  [[nodiscard]] Backlog backlog() const;

  /// The last call: writes to disk what can be, counts the rest as lost, and lets another process,
  /// or the next exporter of this one, have the directory.
  void stop();

 private:
  [[nodiscard]] bool disk_usable();
  /// True: the lock will soon be free, and this is no error.
  bool awaits_lock(const std::error_code& error);
  void disk_failed(const std::error_code& error, const char* doing);
  void recover();
  void repair();
  void enter(const DiskChanges& changes);
  bool to_disk(KeptMessage& message);
  /// Moves what is in memory to disk. True: nothing is left in memory that must go before a message
  /// that is added now.
  bool spill();
  void push_to_memory(KeptMessage message);
  void pop_from_memory(std::deque<KeptMessage>& queue);
  static std::optional<KeptMessage> take(std::deque<KeptMessage>& queue);
  std::optional<KeptMessage> read_disk();
  void drop_front(std::deque<KeptMessage>& queue, LossReason reason);
  void make_room();
  void expire();
  [[nodiscard]] bool too_old(const KeptMessage& message, TimePoint now) const;
  void lose(LossReason reason, const ExportAmount& what);
  void return_to_disk(KeptMessage& message, bool left);
  /// It leaves this: what the disk has of it goes.
  void settle(const KeptMessage& message);
  void note_unrecorded();
  void lose_unrecorded();

  SpoolConfig config_;
  std::string collector_;
  ExportLedger& ledger_;
  Clock clock_;
  SpoolFiles system_;
  std::optional<DiskSpool> disk_;  ///< nothing: none is configured
  MonoTime made_ = clock_().steady;
  MonoTime disk_retry_{};
  MonoTime failed_at_{};
  MonoTime repair_at_{};
  std::string trouble_;
  Recovered recovered_;  ///< so far, for the log
  bool recovering_ = false;
  bool connected_ = false;
  std::deque<KeptMessage> returned_;  ///< none of them is on disk
  std::deque<KeptMessage> memory_;
  std::size_t used_ = 0;  ///< octets of memory, of messages that next() gave too
  log::RateLimit disk_log_;
  log::RateLimit full_log_;
};

}  // namespace ctflow
