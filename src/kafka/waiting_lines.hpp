// SPDX-License-Identifier: GPL-2.0-or-later
// The lines of which librdkafka has not reported what became of them, and with `spool.directory`
// those that it was not given yet.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string_view>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/encoder.hpp"
#include "ctflow/transport_status.hpp"
#include "ledger/export_ledger.hpp"
#include "transport/spool/spool.hpp"

namespace ctflow::kafka {

class Client;

/// Each line of it is entered in the ledger when it comes and when it goes.
///
/// Without a spool a line has to be handed over when it comes, and only its amounts are kept. With
/// one the lines themselves are kept as well: those that have been on their way for a second, and
/// all of them as soon as a later line is written to disk, which so has them in their order. There
/// each has a state of its own (spool_format.hpp): brokers may acknowledge them in any order, and
/// of a process that was killed only those without an outcome are handed over again, which counts
/// as `resent`.
class WaitingLines {
 public:
  struct Line;
  using Lines = std::list<Line>;
  /// One that was handed over.
  struct Line {
    KeptMessage message{};          ///< its octets only with a spool
    std::size_t octets = 0;         ///< of the line
    const Client* owner = nullptr;  ///< the client that was given it
    bool secured = false;  ///< it was on disk when it was given, or was written there since
    Lines::iterator self{};
  };

  /// `ledger`, and `files` if given (for tests), must outlive it.
  WaitingLines(const ConnectionLogConfig& config, ExportLedger& ledger,
               SpoolFiles* files = nullptr);

  [[nodiscard]] bool has_spool() const { return spool_.has_value(); }

  /// Without a spool: this line is handed over now. Null: it finds no room, and is not counted.
  Line* begin(std::string_view line, const MessageContent& content, const Instant& now);

  // With a spool.
  /// Keeps a line behind all others.
  void keep(std::string_view line, const MessageContent& content);
  /// The oldest, to be handed over now. Null: none, or as many as may be are on their way.
  Line* next();
  /// It was not handed over, or never sent; the others of its client may follow until give_back().
  void not_sent(Line& line);
  /// Those wait again, in their order.
  void give_back();
  /// Whether brokers take lines. Without, what comes is written to disk first, and little of it is
  /// on its way, so that little must be called doubtful if this process is killed.
  void set_connected(bool connected);
  /// Writes to disk what is on its way.
  void secure_all();
  /// … what has been for a second.
  void secure_overdue();
  /// What is to be done beside, and after which time again.
  std::chrono::milliseconds work();
  /// At the end, before what is on its way is called back.
  void secure_at_stop();

  void sent(Line& line);
  void lose(Line& line, LossReason reason);
  /// Those that were given to this client, or (null) to any.
  void lose_all_of(const Client* client);

  /// The last call but those that ask: what waits goes to the spool, or is lost.
  void stop();

  /// Nothing is on its way.
  [[nodiscard]] bool empty() const { return fresh_.empty() && secured_.empty(); }
  /// … and nothing waits for it.
  [[nodiscard]] bool all_empty() const { return empty() && (!spool_ || spool_->empty()); }
  /// Of the lines that are on their way.
  [[nodiscard]] std::size_t octets() const { return octets_; }
  [[nodiscard]] Backlog backlog() const;

 private:
  Line& reuse(Lines& as);
  void release(Line& line);
  [[nodiscard]] Lines& list_of(const Line& line) { return line.secured ? secured_ : fresh_; }
  /// The first of fresh_ is on disk now.
  void note_secured();

  std::size_t buffer_;
  ExportLedger& ledger_;
  std::optional<Spool> spool_;
  std::shared_ptr<const Origin> origin_;
  bool connected_ = false;
  Lines fresh_;    ///< on their way and not on disk, the oldest first
  Lines secured_;  ///< on their way and on disk
  Lines spare_;    ///< to be used again
  std::deque<KeptMessage> not_sent_;
  std::size_t octets_ = 0;
};

}  // namespace ctflow::kafka
