// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of a connection log for a PostgreSQL server, each exactly once.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection_log/line_sink.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"
#include "postgresql/row_queue.hpp"
#include "postgresql/server.hpp"
#include "postgresql/statements.hpp"
#include "transport/stream/backoff.hpp"

namespace ctflow::postgresql {

/// A batch is one transaction, which enters its number beside its rows. One whose answer was lost
/// is begun again under the same number, and the server says whether it has that already.
class RowSink : public LineSink, private ServerUser {
 public:
  /// `writer`: which process this is, unique for ever. `ledger` must outlive this.
  RowSink(const ConnectionLogConfig& config, std::unique_ptr<Server> server, ExportLedger& ledger,
          const std::string& writer, Clock clock = system_now);

  void append(std::string& to, const Flow& flow, const LineContext& context) override;
  void deliver(std::string& lines, const MessageContent& content, const Instant& now) override;
  [[nodiscard]] bool busy() const override { return !stopped_ && !failing_ && !queue_.empty(); }
  void stop() override;
  [[nodiscard]] bool lookup_running() const override { return server_->lookup_running(); }
  [[nodiscard]] std::vector<RemotePeer> peers() const override { return {{server_->peer()}}; }
  void describe(OutputStatus& status) const override;

 private:
  /// What is awaited, or done next.
  enum class Step : std::uint8_t {
    kPause,      ///< there is no connection until the alarm
    kConnect,    ///< the answer of the server to …
    kFind,       ///< … whether there are tables
    kMake,       ///< … and the making of them,
    kColumns,    ///< … and what they lack all the same,
    kPartition,  ///< … the making of partitions,
    kBegin,      ///< … of a transaction with the number of the batch,
    kCopy,
    kCommit,
    kLeave,   ///< … the end of a transaction that had been committed before,
    kRefuse,  ///< … or that had a row which the server refuses,
    kList,    ///< … which partitions are old,
    kDrop,
    kForgo,  ///< … the end of one that could not remove a partition
    kRest,   ///< nothing: it waits for rows or the alarm
  };

  void on_connected() override;
  void on_answer(const Answer& answer) override;
  void on_broken(FailureKind kind, const std::string& reason) override;
  void on_alarm() override;

  void connect();
  void query(Step step, const std::string& statements);
  void go_on();
  bool make_partitions();
  void write_batch();
  void take_answer(const Answer& answer);
  void take_table(const Answer& answer);
  void take_error(const Answer& answer);
  void settle();
  void settle_copied(std::uint64_t copied);
  [[nodiscard]] std::string shortcoming_of(const std::vector<std::string>& columns) const;
  void count_doubtful();
  void refuse();
  void drop_next();
  void fail(FailureKind kind, const std::string& reason, const char* fix);

  ConnectionLogConfig config_;
  std::unique_ptr<Server> server_;
  ExportLedger& ledger_;
  Clock clock_;
  Statements statements_;
  RowQueue queue_;
  Backoff backoff_;
  std::vector<Day> days_;  ///< of the rows that are not delivered yet
  Step step_ = Step::kPause;
  bool tables_made_ = false;  ///< by this connection
  bool partitioned_ = false;
  bool failing_ = false;
  bool greeted_ = false;  ///< as logged, and nothing was written or idle since
  bool written_ = false;  ///< a batch, since the last failure
  bool stalled_ = false;  ///< it connects, and that is all
  bool stopped_ = false;
  bool made_again_ = false;  ///< partitions, for the batch that finds none
  bool in_doubt_ = false;    ///< the connection broke before COMMIT of the batch was answered
  std::vector<Day> made_;    ///< partitions that this connection knows of
  std::vector<Day> making_;
  std::vector<std::string> old_;  ///< partitions to be removed
  MonoTime look_for_old_{};       ///< when
  LastFailure last_failure_;
  std::string refusal_;                  ///< what the server says of a batch
  std::optional<std::uint64_t> copied_;  ///< rows of the batch, as the server counted them
  log::RateLimit failure_log_;
  log::RateLimit refusal_log_;
  log::RateLimit dropped_log_;
};

}  // namespace ctflow::postgresql
