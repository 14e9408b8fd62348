// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/row_sink.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "postgresql/columns.hpp"
#include "postgresql/copied_rows.hpp"

namespace ctflow::postgresql {
namespace {

/// Between looks for partitions that are to be made or removed.
constexpr std::chrono::minutes kRound{10};

bool contains(const std::vector<Day>& days, Day day) {
  return std::find(days.begin(), days.end(), day) != days.end();
}

/// Whether the rows are to blame, and others may be taken: data exceptions, constraints, and what
/// a trigger raises (PostgreSQL's appendix A).
bool blames_rows(const std::string& sqlstate) {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("P0") ||
         sqlstate == "44000";
}

/// Not an answer to the command: the server ends, or ends the session, which may be after it did
/// it.
bool ends_session(const std::string& sqlstate) {
  return sqlstate.starts_with("57P") || sqlstate.starts_with("08");
}

constexpr const char* kFix = "start the server, or correct postgresql.connection";

constexpr const char* kNoPartition = "23514";  // also: a row that a CHECK refuses

const char* fix_for(const std::string& sqlstate) {
  if (sqlstate.starts_with("28")) return "correct user and passfile, or the server's pg_hba.conf";
  if (sqlstate.starts_with("3D")) return "create the database, or correct dbname";
  if (sqlstate.starts_with("3F")) return "create the schema, or correct postgresql.table";
  if (sqlstate == "57014") return "raise statement_timeout for the user";
  if (sqlstate == "25006") return "connect to a server and as a user that may write";
  if (sqlstate == "42501") return "grant the user CREATE on the schema, or give it the tables";
  if (sqlstate.starts_with("53")) return "make room on the server";
  if (sqlstate == "42P17") return "remove the partitions that are not of one day of UTC each";
  if (sqlstate == "42703") return "add the column that docs/postgresql.md has";
  return kFix;
}

}  // namespace

RowSink::RowSink(const ConnectionLogConfig& config, std::unique_ptr<Server> server,
                 ExportLedger& ledger, const std::string& writer, Clock clock)
    : config_(config),
      server_(std::move(server)),
      ledger_(ledger),
      clock_(std::move(clock)),
      statements_(config.postgresql.table, writer, config.postgresql.retention),
      queue_(config.buffer) {
  server_->alarm_at(clock_().steady, *this);
}

void RowSink::append(std::string& to, const Flow& flow, const LineContext& context) {
  const Day day = std::chrono::floor<std::chrono::days>(flow.event_time);
  if (!contains(days_, day)) days_.push_back(day);
  append_row(to, flow, context);
}

void RowSink::deliver(std::string& lines, const MessageContent& content, const Instant& now) {
  Rows rows{lines, content, std::exchange(days_, {}), now.wall};  // no larger than its text
  lines.clear();
  if (!queue_.add(rows)) {
    ledger_.lost(failing_ ? LossReason::kWriteError : LossReason::kWouldBlock, content);
    return;
  }
  ledger_.wait(content);
  if (step_ == Step::kRest) go_on();
}

void RowSink::stop() {
  if (std::exchange(stopped_, true)) return;
  server_->close();
  if (in_doubt_ || step_ == Step::kCommit) count_doubtful();
  step_ = Step::kPause;
  const ExportAmount left = ledger_.counters().waiting;  // a copy: the ledger changes it
  if (left.flows == 0) return;
  ledger_.lost_after_wait(failing_ ? LossReason::kWriteError : LossReason::kStopped, left);
}

/// The server was asked to commit the batch, and whether it has is not known.
void RowSink::count_doubtful() {
  for (const Rows& rows : queue_.written()) {
    const MessageContent& content = rows.content;
    ledger_.lost_after_wait(LossReason::kUncertain, {1, content.flows, content.data_records,
                                                     content.packets, content.octets});
  }
}

void RowSink::connect() {
  step_ = Step::kConnect;
  server_->connect(*this);
}

void RowSink::on_alarm() {
  if (stopped_) return;
  if (step_ == Step::kPause) return connect();
  if (step_ == Step::kRest) go_on();
}

void RowSink::on_connected() {
  ledger_.session_begun();
  made_.clear();
  tables_made_ = false;
  look_for_old_ = clock_().steady;
  query(Step::kFind, statements_.find_table());
}

void RowSink::query(Step step, const std::string& statements) {
  step_ = step;
  server_->query(statements);
}

/// Does what is due next.
void RowSink::go_on() {
  if (make_partitions()) return;
  const MonoTime now = clock_().steady;
  if (partitioned_ && now >= look_for_old_) {
    look_for_old_ = now + kRound;
    return query(Step::kList, statements_.find_old(clock_().wall));
  }
  if (!queue_.empty()) return write_batch();
  backoff_.reset();
  step_ = Step::kRest;
  server_->alarm_at(now + kRound, *this);
}

/// Those of today and tomorrow, and of the batch. False: they exist.
bool RowSink::make_partitions() {
  if (!partitioned_) return false;
  const Day today = std::chrono::floor<std::chrono::days>(clock_().wall);
  making_.clear();
  const auto want = [&](Day day) {
    if (!contains(made_, day) && !contains(making_, day)) making_.push_back(day);
  };
  want(today);
  want(today + std::chrono::days(1));
  if (const std::vector<Rows>* const batch = queue_.batch()) {
    for (const Rows& rows : *batch) std::for_each(rows.days.begin(), rows.days.end(), want);
  }
  if (making_.empty()) return false;
  query(Step::kPartition, statements_.make_partitions(making_));
  return true;
}

void RowSink::write_batch() {
  (void)queue_.batch();  // what waits gets its number
  query(Step::kBegin, statements_.begin(queue_.number()));
}

void RowSink::on_answer(const Answer& answer) {
  if (answer.ok) {
    take_answer(answer);
  } else {
    take_error(answer);
  }
}

void RowSink::take_answer(const Answer& answer) {
  switch (step_) {
    case Step::kFind:
      return take_table(answer);
    case Step::kMake:
      return query(Step::kFind, statements_.find_table());
    case Step::kColumns:
      return fail(FailureKind::kBroken, shortcoming_of(answer.rows),
                  answer.rows.empty() ? kFix
                                      : "add them by ALTER TABLE, with the types that "
                                        "docs/postgresql.md has, or rename the table: "
                                        "then a new one is made");
    case Step::kPartition:
      made_.insert(made_.end(), making_.begin(), making_.end());
      return go_on();
    case Step::kBegin: {
      if (answer.tag == "INSERT 0 0") return query(Step::kLeave, "ROLLBACK");
      in_doubt_ = false;
      std::vector<std::string_view> data;
      for (const Rows& rows : *queue_.batch()) data.emplace_back(rows.text);
      step_ = Step::kCopy;
      return server_->copy(statements_.copy(), std::move(data));
    }
    case Step::kCopy:
      copied_ = copied_rows(answer.tag);
      return query(Step::kCommit, "COMMIT");
    case Step::kCommit:
      if (answer.tag != "COMMIT") return fail(FailureKind::kBroken, "COMMIT: " + answer.tag, kFix);
      settle();
      return go_on();
    case Step::kLeave:
      settle();
      return go_on();
    case Step::kRefuse:
      refuse();
      return go_on();
    case Step::kList:
      old_ = answer.rows;
      return drop_next();
    case Step::kDrop:
      log::info("connection_log_partition_removed log={} partition={}", config_.name, old_.back());
      old_.pop_back();
      return drop_next();
    case Step::kForgo:
      return go_on();
    case Step::kPause:
    case Step::kConnect:
    case Step::kRest:
      break;
  }
}

void RowSink::take_table(const Answer& answer) {
  if (answer.rows.empty()) {
    if (!std::exchange(tables_made_, true)) {
      return query(Step::kMake, statements_.make_tables());
    }
    return query(Step::kColumns, statements_.find_missing_columns());
  }
  partitioned_ = answer.rows.front() == "p";
  if (!std::exchange(greeted_, true)) {
    log::info("connection_log_connected log={} peer={} partitions={}", config_.name,
              log::quoted(server_->peer()), partitioned_ ? "yes" : "no");
  }
  failing_ = false;
  go_on();
}

void RowSink::take_error(const Answer& answer) {
  const bool writes = step_ == Step::kCopy || step_ == Step::kCommit;
  if (writes && answer.sqlstate == kNoPartition && !std::exchange(made_again_, true)) {
    made_.clear();  // somebody may have removed one
    return query(Step::kForgo, "ROLLBACK");
  }
  if (writes && blames_rows(answer.sqlstate)) {
    refusal_ = answer.message;
    return query(Step::kRefuse, "ROLLBACK");
  }
  if (step_ == Step::kDrop || step_ == Step::kList) {
    old_.clear();
    log::warn(
        "connection_log_partition_not_removed log={} error={} impact=\"rows stay for longer than "
        "the retention; tried again in {} minutes\" fix=\"end what reads the table, or give its "
        "partitions to the user that ctflowd is there\"",
        config_.name, log::quoted(answer.message), kRound.count());
    return query(Step::kForgo, "ROLLBACK");
  }
  if (step_ == Step::kCommit && ends_session(answer.sqlstate)) in_doubt_ = true;
  fail(FailureKind::kBroken, answer.message, fix_for(answer.sqlstate));
}

void RowSink::settle() {
  backoff_.reset();  // not before: a server whose disk is full lets us connect
  written_ = true;
  if (std::exchange(stalled_, false)) {
    log::info("connection_log_continues log={} peer={}", config_.name,
              log::quoted(server_->peer()));
  }
  made_again_ = false;
  in_doubt_ = false;
  if (const auto copied = std::exchange(copied_, std::nullopt)) return settle_copied(*copied);
  for (const Rows& rows : queue_.written()) {
    ledger_.sent_after_wait(rows.content, rows.text.size());
  }
}

/// A trigger may take rows and store none, which the server says by their count only. Which they
/// were is not known: the last ones are counted as lost.
void RowSink::settle_copied(std::uint64_t copied) {
  std::uint64_t given = 0;
  std::uint64_t left = copied;
  for (const Rows& rows : queue_.written()) {
    const MessageContent& content = rows.content;
    given += content.flows;
    const std::uint64_t stored = std::min<std::uint64_t>(left, content.flows);
    left -= stored;
    const auto [sent, lost] = divided(rows, stored);
    if (stored > 0) ledger_.sent_after_wait(sent, rows.text.size());
    if (stored < content.flows) ledger_.lost_after_wait(LossReason::kWriteError, lost);
  }
  if (copied >= given) return;
  const std::string reason =
      fmt::format("the server stored {} of {} rows that it took", copied, given);
  last_failure_ = {FailureKind::kBroken, reason, clock_().steady};
  if (!dropped_log_.allow()) return;
  log::error(
      "connection_log_rows_dropped log={} error={} impact=\"the others are counted as lost; where "
      "a trigger wrote them to another table they are there\" fix=\"look for a BEFORE trigger of "
      "the table that returns NULL\" suppressed={}",
      config_.name, log::quoted(reason), dropped_log_.suppressed());
}

std::string RowSink::shortcoming_of(const std::vector<std::string>& columns) const {
  if (columns.empty()) return "the tables that were made are not found";
  return fmt::format("the table {} lacks {}", config_.postgresql.table, fmt::join(columns, ", "));
}

void RowSink::refuse() {
  std::size_t added = 0;
  const std::optional<Rows> row = queue_.refused(&added);
  for (; added > 0; --added) ledger_.wait({});  // a message more, with what another had
  if (!row) return;
  made_again_ = false;
  const MessageContent& content = row->content;
  ledger_.lost_after_wait(LossReason::kWriteError, {1, content.flows, content.data_records,
                                                    content.packets, content.octets});
  if (!refusal_log_.allow()) return;
  log::error(
      "connection_log_row_refused log={} error={} impact=\"a row is lost, those beside it are "
      "written\" fix=\"look for a constraint or trigger that was added to the table\" "
      "suppressed={}",
      config_.name, log::quoted(refusal_), refusal_log_.suppressed());
}

void RowSink::drop_next() {
  if (old_.empty()) return go_on();
  query(Step::kDrop, statements_.drop(old_.back()));
}

void RowSink::on_broken(FailureKind kind, const std::string& reason) {
  if (step_ == Step::kCommit) in_doubt_ = true;
  fail(kind, reason, kFix);
}

/// What is being written stays, with its number.
void RowSink::fail(FailureKind kind, const std::string& reason, const char* fix) {
  const Instant now = clock_();
  server_->close();
  failing_ = true;
  // A server that is there and takes nothing lets us connect at each attempt.
  const bool idle = step_ == Step::kConnect || step_ == Step::kRest;
  if (std::exchange(written_, false) || idle) greeted_ = false;
  stalled_ = greeted_;
  step_ = Step::kPause;
  last_failure_ = {kind, reason, now.steady};
  const auto pause = backoff_.next();
  server_->alarm_at(now.steady + pause, *this);
  if (!failure_log_.allow()) return;
  log::error(
      "connection_log_failed log={} peer={} error={} waiting_flows={} lost={} "
      "impact=\"rows wait in memory, up to buffer ({} octets), and beyond that are lost\" "
      "fix={} retry_ms={} suppressed={}",
      config_.name, log::quoted(server_->peer()), log::quoted(reason),
      ledger_.counters().waiting.flows, ledger_.counters().lost(), config_.buffer, log::quoted(fix),
      pause.count(), failure_log_.suppressed());
}

void RowSink::describe(OutputStatus& status) const {
  status.peer = server_->peer();
  status.connected = !failing_ && step_ != Step::kPause && step_ != Step::kConnect;
  status.last_failure = last_failure_;
  Backlog backlog;
  backlog.memory = queue_.octets();
  backlog.memory_limit = queue_.limit();
  backlog.oldest = queue_.oldest();
  status.backlog = std::move(backlog);
}

}  // namespace ctflow::postgresql
