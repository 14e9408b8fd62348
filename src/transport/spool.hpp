// SPDX-License-Identifier: GPL-2.0-or-later
// Messages that wait for a connection, in memory and if so configured on disk, in their order.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/metrics.hpp"
#include "ctflow/transport_status.hpp"
#include "observe/log.hpp"
#include "transport/disk_spool.hpp"
#include "transport/kept_message.hpp"

namespace ctflow {

/// Three parts, the oldest first: messages that came back from a broken connection (in memory),
/// those on disk, and those in memory behind them. Whatever enters or leaves is entered in the
/// ledger here; a message that was taken by next() still waits in the ledger's sense until sent().
///
/// With a disk, messages go there as soon as no connection takes them; memory is then only for what
/// the disk refuses. When there is room in neither, the oldest messages go.
class Spool {
 public:
  Spool(const std::string& collector, const SpoolConfig& config, Clock clock);

  /// Whose ledger it is. Before anything else.
  void account_to(ExporterCounters& ledger) { ledger_ = &ledger; }

  /// Takes up what an earlier process left on disk; again and again until that succeeds.
  void open();

  /// Whether a connection takes messages now. Without one, what is in memory goes to disk.
  void set_connected(bool connected);

  /// Keeps a message as the newest.
  void add(std::vector<std::byte> bytes, const MessageContent& content,
           const std::shared_ptr<const Origin>& origin);

  /// The oldest message.
  std::optional<KeptMessage> next();
  /// Puts back what next() gave last.
  void put_back(KeptMessage message);

  /// The kernel has all of it, or the beginning of it. A crash from now on does not repeat it.
  void handed_over(const KeptMessage& message);
  /// The collector's host has it.
  void sent(const KeptMessage& message);
  /// The connection broke before the collector's host had these. `left`: how many of them, from
  /// the first, may have left this host.
  void give_back(std::deque<KeptMessage> messages, std::size_t left);

  /// Nothing waits here (what next() gave does not count).
  [[nodiscard]] bool empty() const;

  /// What waits here, and what next() gave and is not settled, in octets.
  [[nodiscard]] Backlog backlog() const;

  /// Writes to disk what can be, and counts the rest as lost.
  void stop();

 private:
  [[nodiscard]] bool disk_usable();
  void disk_failed(const std::error_code& error, const char* doing);
  bool to_disk(KeptMessage& message);
  /// Moves what is in memory to disk as far as order allows. True: nothing is left in memory that
  /// must go before a message that is added now.
  bool spill();
  void push_to_memory(KeptMessage message);
  void pop_from_memory(std::deque<KeptMessage>& queue);
  static std::optional<KeptMessage> take(std::deque<KeptMessage>& queue);
  std::optional<KeptMessage> read_disk();
  void drop_front(std::deque<KeptMessage>& queue, Carried& reason);
  void make_room();
  void expire();
  [[nodiscard]] bool too_old(const KeptMessage& message, TimePoint now) const;
  void lose(Carried& reason, const Carried& what);

  SpoolConfig config_;
  std::string collector_;
  Clock clock_;
  std::optional<DiskSpool> disk_;  ///< nothing: none is configured
  std::chrono::steady_clock::time_point disk_retry_{};
  bool connected_ = false;
  std::deque<KeptMessage> returned_;
  std::deque<KeptMessage> memory_;
  std::size_t used_ = 0;  ///< octets of memory, of messages that next() gave too
  ExporterCounters own_ledger_;
  ExporterCounters* ledger_ = &own_ledger_;
  log::RateLimit disk_log_;
  log::RateLimit full_log_;
};

}  // namespace ctflow
