// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "accounting/prune.hpp"
#include "accounting/quota.hpp"
#include "accounting/schema.hpp"
#include "accounting/unused.hpp"
#include "log/log.hpp"

namespace ctflow::accounting {
namespace {

using std::chrono::minutes;

Minute minute_of(TimePoint time) { return std::chrono::floor<minutes>(time); }

/// The minute in which something begins lacks what came before it.
Minute first_whole_minute(TimePoint began) { return std::chrono::ceil<minutes>(began); }

bool any_less(const Amounts& one, const Amounts& other) {
  return one.down_octets < other.down_octets || one.up_octets < other.up_octets ||
         one.down_packets < other.down_packets || one.up_packets < other.up_packets ||
         one.connections < other.connections;
}

void warn_of_another_file(const std::string& database) {
  log::warn(
      "accounting_database_replaced database={} impact=\"what was written before is only where the "
      "file was moved to\" fix=\"none if it was damaged; else stop ctflowd before it is moved or "
      "restored\"",
      log::quoted(database));
}

}  // namespace

Store::Store(AccountingConfig config, std::shared_ptr<const Accounts> accounts, Session session)
    : config_(std::move(config)),
      accounts_(std::move(accounts)),
      calendar_(calendar_of(config_)),
      session_(std::move(session)) {}

void Store::open() {
  if (rows_ && database_->replaced()) begin_anew();
  if (rows_) return;
  make_directory_for(config_.database);
  database_.emplace(open_for_writing(config_.database));
  rows_.emplace(*database_, config_, *accounts_, calendar_);
}

/// What the file of now lacks of what was written to that of before is not in any of its sums.
void Store::begin_anew() {
  rows_.reset();
  database_.reset();
  named_.reset();
  warn_of_another_file(config_.database);
  if (before_) session_.started = std::chrono::ceil<minutes>(before_->wall);
  session_.continues = false;
  begun_ = false;
}

void Store::in_transaction(const std::function<void()>& work) {
  database_->execute("BEGIN IMMEDIATE");
  try {
    work();
    database_->execute("COMMIT");
  } catch (const std::exception&) {
    sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    rows_->forget_keys();
    throw;
  }
}

void Store::write(const Job& job) {
  open();
  // Nothing behind the commit may throw: the job would be entered again.
  const std::uint64_t recovered = recovered_;
  const std::uint64_t merged = merged_;
  const int taken_over = taken_over_;
  try {
    in_transaction([&] {
      rows_->find_aggregates(first_whole_minute(job.now.wall));
      if (!begun_) {
        note_settings(job);
        begin_session(job);
      } else {
        note_clock_set(job);
      }
      forget_sessions();
      enter(job);
      name_devices(job);
      note_session(job);
      watch_writers(job);
      prune(job);
    });
  } catch (const std::exception&) {
    recovered_ = recovered;
    merged_ = merged;
    taken_over_ = taken_over;
    throw;
  }
  if (session_.ledger) session_.ledger->note_written(job.totals);
  written_ = job.totals;
  begun_ = true;
  named_ = job.device_names;
  before_ = job.now;
  read_quotas(job.now);
  recovered_sessions_.clear();
  // What they had is in the rows now, and on the disk; and the next start finds that if one of the
  // files stays.
  for (LeftSession& left : session_.left) {
    if (remove_for_good(left.file)) recovered_sessions_.push_back(std::move(left.id));
  }
  session_.left.clear();
}

std::optional<Minute> Store::last_commit() const {
  const auto last = meta_value(*database_, "last_commit");
  if (!last) return std::nullopt;
  return minute_at(*last);
}

Minute Store::oldest(const Job& job) const {
  if (job.now.wall < kEarliest) {
    if (const auto known = last_commit()) return *known;
  }
  return minute_of(job.now.wall) - std::chrono::duration_cast<minutes>(config_.retention.minutes);
}

/// A clock that is not set says nothing of when these settings begin.
void Store::note_settings(const Job& job) {
  Minute now = minute_of(job.now.wall);
  if (job.now.wall < kEarliest) now = last_commit().value_or(now);
  note_used(*database_, rows_->aggregates(), now);
}

void Store::begin_session(const Job& job) {
  const std::optional<Minute> last = last_commit();
  const bool was_set = session_.started >= kEarliest;
  const Minute now = minute_of(job.now.wall);
  const Minute started = was_set ? minute_of(session_.started) : now;
  // Of whole minutes: also a short one is reported.
  const Minute until = first_whole_minute(was_set ? session_.started : job.now.wall);
  if (last && (!session_.continues || !was_set)) add_gap(*last, until);
  // A clock that was ahead may have written the last transaction.
  const Minute at = std::min(last.value_or(started), now);
  for (const LeftSession& left : session_.left) recover(left, std::max(at, oldest(job)));
}

void Store::note_clock_set(const Job& job) {
  if (!before_ || before_->wall >= kEarliest || job.now.wall < kEarliest) return;
  // What was counted since is in the minute of the last one of a clock that was set.
  const Minute now = first_whole_minute(job.now.wall);
  if (const auto last = last_commit()) add_gap(*last, now);
  Statement began(*database_, "UPDATE aggregate SET began = ?1 WHERE began < ?2");
  began.bind(1, seconds_of(now)).bind(2, seconds_of(minute_of(kEarliest)));
  began.run();
}

void Store::add_gap(Minute from, Minute until) {
  if (from >= until) return;
  Statement gap(*database_, "INSERT OR IGNORE INTO gap VALUES(?, ?, 'not_running')");
  gap.bind(1, seconds_of(from)).bind(2, seconds_of(until)).run();
}

Amounts Store::noted_totals(const std::string& session, std::size_t direction) const {
  Statement written(*database_, "SELECT * FROM session WHERE id = ? AND direction = ?");
  written.bind(1, session).bind(2, static_cast<std::int64_t>(direction));
  if (!written.step()) return {};
  constexpr int kFirst = 2;
  const auto number = [&](int column) {
    return static_cast<std::uint64_t>(written.number(kFirst + column));
  };
  return {number(0), number(1), number(2), number(3), number(4)};
}

/// The row is of this database, and exact; what the file of the ledger says was written may have
/// been written to another one, which has it still, wherever that is.
void Store::recover(const LeftSession& left, Minute at) {
  std::uint64_t octets = 0;
  bool elsewhere = false;
  for (std::size_t i = 0; i < kDirections; ++i) {
    Amounts amounts = left.totals.amounts.at(i);
    Amounts known = noted_totals(left.id, i);
    if (any_less(known, left.written.at(i))) {
      known = left.written.at(i);
      elsewhere = true;
    }
    // Less than was written: the file is older than the database, after a power cut.
    if (any_less(amounts, known)) continue;
    amounts -= known;
    if (amounts == Amounts{}) continue;
    octets += amounts.octets();
    rows_->add_uncounted(at, static_cast<Direction>(i), amounts);
  }
  // Its file goes after the commit: if that fails, the next start finds nothing that is missing.
  note_totals(left.id, left.totals);
  recovered_ += octets;
  if (elsewhere) warn_of_another_file(config_.database);
  if (octets > 0) {
    log::warn(
        "accounting_uncounted database={} octets={} impact=\"an earlier ctflowd ended before it "
        "had written them: they are in the sums, under no key\" fix=\"find out what ended it: "
        "journalctl -u ctflowd, dmesg\"",
        log::quoted(config_.database), octets);
  }
}

void Store::enter(const Job& job) {
  const Minute kept = oldest(job);
  std::uint64_t late = 0;
  job.batch->settle();
  for (std::size_t i = 0; i < job.batch->tables.size(); ++i) {
    late = std::max(late, rows_->add(i, job.batch->tables[i], kept, job.interfaces));
  }
  for (const auto& [minute, missing] : job.batch->missing) {
    rows_->add_missing(std::max(minute, kept), missing);
  }
  for (const auto& [minute, causes] : job.batch->causes) {
    rows_->add_causes(std::max(minute, kept), causes);
  }
  Missing moved;
  moved.late = late;
  if (late > 0) rows_->add_missing(kept, moved);
  merged_ += rows_->trim();
}

void Store::name_devices(const Job& job) {
  if (!job.device_names || job.device_names == named_) return;
  Statement insert(*database_,
                   "INSERT INTO device VALUES(?1, ?2) ON CONFLICT DO UPDATE SET name = "
                   "excluded.name WHERE name <> excluded.name");
  for (const auto& [octets, name] : *job.device_names) {
    const std::vector<std::uint8_t> device(octets.begin(), octets.end());
    insert.bind(1, std::span<const std::uint8_t>(device)).bind(2, name).run();
  }
}

std::string Store::file_of(const std::string& session) const {
  return session_file(session_.prefix.empty() ? config_.database : session_.prefix, session);
}

/// Also beside the database, where earlier versions have it.
bool Store::has_file(const std::string& session) const {
  const auto exists = [](const std::string& file) {
    return access(file.c_str(), F_OK) == 0 || errno != ENOENT;
  };
  return exists(file_of(session)) || exists(session_file(config_.database, session));
}

void Store::forget_sessions() {
  std::vector<std::string> gone = recovered_sessions_;
  if (!begun_) {
    Statement select(*database_, "SELECT DISTINCT id FROM session");
    while (select.step()) {
      std::string id = select.text(0);
      // One of this boot may run, with a runtime directory that is not seen from here.
      if (is_of_another_boot(id) && !has_file(id)) gone.push_back(std::move(id));
    }
  }
  if (gone.empty()) return;
  Statement remove(*database_, "DELETE FROM session WHERE id = ?");
  for (const std::string& id : gone) remove.bind(1, std::string_view(id)).run();
}

void Store::note_totals(const std::string& session, const SessionTotals& totals) {
  Statement insert(*database_, "INSERT OR REPLACE INTO session VALUES(?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < kDirections; ++i) {
    const Amounts& amounts = totals.amounts.at(i);
    insert.bind(1, std::string_view(session)).bind(2, static_cast<std::int64_t>(i));
    int column = 2;
    for (const std::uint64_t value : {amounts.down_octets, amounts.up_octets, amounts.down_packets,
                                      amounts.up_packets, amounts.connections}) {
      insert.bind(++column, static_cast<std::int64_t>(value));
    }
    insert.run();
  }
}

void Store::note_session(const Job& job) {
  if (!session_.id.empty()) note_totals(session_.id, job.totals);
  if (job.now.wall < kEarliest) return;
  Statement meta(*database_, "INSERT OR REPLACE INTO meta VALUES('last_commit', ?)");
  meta.bind(1, seconds_of(minute_of(job.now.wall))).run();
  Statement interval(*database_, "INSERT OR REPLACE INTO meta VALUES('commit_interval', ?)");
  interval.bind(1, std::chrono::ceil<std::chrono::seconds>(config_.commit_interval).count()).run();
  Statement began(*database_, "INSERT OR IGNORE INTO meta VALUES('began', ?)");
  const bool was_set = session_.started >= kEarliest;
  began.bind(1, seconds_of(minute_of(was_set ? session_.started : job.now.wall))).run();
}

void Store::watch_writers(const Job& job) {
  if (session_.id.empty()) return;
  constexpr int kOfAReload = 2;  // the one of before may have two transactions left
  const auto own = static_cast<std::int64_t>(std::hash<std::string>()(session_.id));
  {
    Statement last(*database_, "SELECT value FROM meta WHERE name = 'writer'");
    const bool known = last.step();
    if (known && last.number(0) == own) return;
    if (known && begun_) ++taken_over_;
  }
  Statement writer(*database_, "INSERT OR REPLACE INTO meta VALUES('writer', ?)");
  writer.bind(1, own).run();
  if (taken_over_ <= kOfAReload) return;
  rows_->add_causes(std::max(minute_of(job.now.wall), oldest(job)), {{kCountedTwice, ""}});
  if (std::exchange(shared_logged_, true)) return;
  log::error(
      "accounting_counted_twice database={} impact=\"another ctflowd writes to the same database: "
      "what both count is in the sums twice\" fix=\"end one of them, or give it a database of its "
      "own: fuser -v FILE\"",
      log::quoted(config_.database));
}

/// Not before the clock has run evenly for some time: one that jumped ahead would remove
/// everything.
void Store::prune(const Job& job) {
  constexpr minutes kEven{10};
  constexpr std::chrono::hours kBetween{1};
  constexpr std::chrono::seconds kTolerance{2};
  const auto steady = job.now.steady;
  if (!before_) {
    even_since_ = steady;
    return;
  }
  const auto step = (job.now.wall - before_->wall) - (steady - before_->steady);
  if (step > kTolerance || step < -kTolerance) even_since_ = steady;
  if (steady - even_since_ < kEven || steady - pruned_ < kBetween) return;
  const AccountingRetention& keep = config_.retention;
  const Pruned removed = prune_rows(*database_, keep, job.now.wall, UnusedKeys::kRemove);
  pruned_ = steady;
  if (removed.keys > 0) rows_->forget_keys();
  forget_names(job);
}

/// As a report would say it: what was committed is there, whatever this finds.
void Store::read_quotas(const Instant& now) {
  quotas_.reset();
  const Quotas& quotas = accounts_->quotas();
  if (quotas.size() == 0 || now.wall < kEarliest) return;
  QuotasWritten written;
  Question question;
  question.now = minute_of(now.wall);
  written.period = quotas.period_of(question.now);
  question.from = written.period.from;
  question.until = question.now + minutes(1);
  question.directions = {Direction::kIn, Direction::kOut};
  try {
    const QuotaReport report = quota_uses(*database_, config_, question);
    written.octets.reserve(report.uses.size());
    for (const QuotaUse& one : report.uses) written.octets.push_back(one.amounts.octets());
    quotas_ = std::make_shared<const QuotasWritten>(std::move(written));
    quotas_unreadable_ = false;
  } catch (const std::exception& error) {
    if (std::exchange(quotas_unreadable_, true)) return;
    log::warn(
        "accounting_quotas_unreadable database={} error={} impact=\"metrics do not say how much of "
        "quotas is used\" fix=\"ctflowd accounting check\"",
        log::quoted(config_.database), log::quoted(error.what()));
  }
}

void Store::forget_names(const Job& job) {
  if (!job.device_names) return;
  std::vector<std::string> unused;
  {
    Statement select(*database_,
                     "SELECT device FROM device WHERE device NOT IN (SELECT device FROM key)");
    while (select.step()) {
      const auto octets = select.octets(0);
      std::string device(octets.begin(), octets.end());
      if (job.device_names->count(device) == 0) unused.push_back(std::move(device));
    }
  }
  Statement remove(*database_, "DELETE FROM device WHERE device = ?");
  for (const std::string& one : unused) {
    const std::vector<std::uint8_t> device(one.begin(), one.end());
    remove.bind(1, std::span<const std::uint8_t>(device)).run();
  }
}

void Store::end_session() {
  if (!database_ || !begun_ || session_.id.empty()) return;
  // What was counted since is in no row: the next start finds it.
  if (session_.ledger && session_.ledger->totals() != written_) return;
  // The file first: one without the row would be entered as if nothing of it had been written.
  if (!remove_for_good(file_of(session_.id))) return;
  Statement remove(*database_, "DELETE FROM session WHERE id = ?");
  remove.bind(1, session_.id).run();
}

}  // namespace ctflow::accounting
