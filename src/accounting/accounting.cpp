// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/accounting.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "findings/database_failure.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

using accounting::Amounts;
using accounting::Batch;

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::milliseconds kPatience{2000};  // at the stop, for a slow disk

std::string accounting_name(const std::string& network_namespace) {
  return network_namespace.empty() ? "accounting" : "accounting@" + network_namespace;
}

AccountingConfig with_own_database(AccountingConfig config) {
  if (!config.network_namespace.empty()) config.database += "." + config.network_namespace;
  return config;
}

MessageContent reported_flow(std::uint64_t packets, std::uint64_t octets) {
  MessageContent content;
  content.flows = 1;
  content.data_records = 1;
  content.packets = packets;
  content.octets = octets;
  return content;
}

}  // namespace

Accounting::Accounting(const AccountingConfig& config,
                       accounting::ReadSurroundings read_surroundings,
                       std::shared_ptr<const OutputContext> context, Clock clock,
                       std::shared_ptr<const NeighbourMirror> neighbours,
                       accounting::ReadUncounted read_uncounted,
                       const std::vector<std::string>& left_out)
    : Output("accounting", accounting_name(config.network_namespace), FlowKinds::reports()),
      config_(with_own_database(config)),
      context_(std::move(context)),
      clock_(std::move(clock)),
      session_prefix_(accounting::session_prefix(config_.database)),
      accounts_(std::make_shared<accounting::Accounts>(config_)),
      surroundings_(read_surroundings()),
      neighbours_(std::move(neighbours)),
      current_(std::make_unique<Batch>(config_)),
      spare_(std::make_unique<Batch>(config_)) {
  for (const std::string& setting : left_out) left_out_.insert({accounting::kLeftOut, setting});
  accounting::Session session;
  session.started = clock_().wall;
  session.prefix = session_prefix_;
  session.left = left_sessions(session.continues);
  for (const accounting::LeftSession& one : session.left) {
    if (one.undone != 0) undone_.push_back(one.undone);
  }
  open_session();
  if (session_) session.id = session_->id();
  session.ledger = session_;
  accounting::ReadDeviceNames read_names;
  if (neighbours_) {
    read_names = accounting::device_names_of(config_);
    device_names_ = read_names();
    complete_names_ = device_names_;
  }
  if (config_.metrics.by) metrics_.emplace(*config_.metrics.by, config_.metrics.limit);
  note_wanted();
  writer_ = std::make_unique<accounting::Writer>(
      std::make_unique<accounting::Store>(config_, accounts_, std::move(session)),
      std::move(read_surroundings), std::move(read_names), std::move(read_uncounted));
}

/// Those of earlier versions are beside the database.
std::vector<accounting::LeftSession> Accounting::left_sessions(bool& another_runs) const {
  auto found = accounting::left_sessions(session_prefix_, another_runs);
  if (session_prefix_ == config_.database) return found;
  bool ignored = false;
  for (auto& one : accounting::left_sessions(config_.database, ignored)) {
    found.push_back(std::move(one));
  }
  return found;
}

void Accounting::open_session() {
  try {
    session_ = std::make_shared<accounting::SessionLedger>(session_prefix_);
  } catch (const std::system_error& error) {
    log::error(
        "accounting_session_unavailable output={} error={} impact=\"what is counted and not yet "
        "written when ctflowd is killed will be missing from the sums\" fix=\"let ctflowd write "
        "there\"",
        name(), log::quoted(error.what()));
  }
}

/// Not earlier: until a reload gives it reports, another one notes its own in the same files.
void Accounting::open_counted() {
  if (!counted_) counted_.emplace(session_prefix_, undone_);
}

void Accounting::checkpoint() {
  open_counted();
  counted_->checkpoint();
}

void Accounting::offer(const Flow& flow, const Instant& now) {
  open_counted();
  const auto rest = counted_->without_counted(flow);
  enter(rest ? *rest : flow, now);
}

void Accounting::enter(const Flow& flow, const Instant& now) {
  ledger_.offer();
  const accounting::Classified added = accounting::classify(
      flow, places_.of(*surroundings_, flow), accounts_->names(), neighbours(), wanted_);
  accounts_->add(added, flow, now.wall, *current_);
  const auto count = [&](accounting::LiveCounts& counts) {
    counts.add(added, accounts_->names(), context_->interface_names());
  };
  if (metrics_) count(*metrics_);
  for (Asked& one : asked_) count(one.counts);
  keep(flow, added);
  ledger_.wait(reported_flow(added.amounts.packets(), added.amounts.octets()));
}

/// For the case of a kill.
void Accounting::keep(const Flow& flow, const accounting::Classified& added) {
  using accounting::CountedReports;
  const bool goes_on = flow.event == FlowEvent::kReported;
  const auto record = goes_on ? CountedReports::record_of(flow) : CountedReports::Record{};
  if (session_) session_->begin(added.direction, record.check);
  if (goes_on) counted_->note(record);
  if (session_) session_->add(added.direction, added.amounts);
}

void Accounting::tick() {
  const Instant now = clock_();
  if (now.steady < deadline_) return;
  deadline_ = now.steady + kTick;
  if (!started_) {
    started_ = true;
    open_counted();
    losses_ = context_->losses();
    commit_at_ = now.steady;  // the first at once: shows whether the database can be used
    writer_->set_measured(context_->source().capabilities);
    writer_->start();
  }
  if (auto found = writer_->take_surroundings()) {
    surroundings_ = std::move(found);
    places_.forget();
  }
  if (auto found = writer_->take_device_names()) device_names_ = std::move(found);
  end_asked(now);
  watch_losses(now);
  watch_uncounted(now);
  watch_events(now);
  settle(now);
  report_failure(now);
  if (now.steady >= commit_at_ && spare_ && writer_->idle()) hand_over(now);
}

void Accounting::watch_losses(const Instant& now) {
  const UpstreamLosses before = std::exchange(losses_, context_->losses());
  accounting::Missing missing;
  missing.lost_events = losses_.lost_events - before.lost_events;
  missing.no_counters = losses_.no_counters - before.no_counters;
  missing.counters_fell = losses_.counters_fell - before.counters_fell;
  missing.fallen_packets = losses_.fallen_packets - before.fallen_packets;
  if (losses_.reconciled != before.reconciled) add_vanished(now);
  if (missing == accounting::Missing{}) return;
  const auto minute = std::chrono::floor<std::chrono::minutes>(now.wall);
  current_->missing[minute] += missing;
  if (missing.counters_fell == 0) return;
  for (const std::string& program : context_->source().resetters.programs) {
    current_->causes[minute].insert({accounting::kCountersReset, program});
  }
}

/// What they counted after their previous reports is unknown, not how many they are: after a loss
/// of events their ends are among those that were lost.
void Accounting::add_vanished(const Instant& now) {
  const auto last = std::chrono::floor<std::chrono::minutes>(now.wall);
  auto minute = std::chrono::floor<std::chrono::minutes>(now.wall - losses_.reconciled_within);
  for (; minute <= last; minute += std::chrono::minutes(1)) {
    current_->causes[minute].insert({accounting::kConnectionsVanished, ""});
  }
}

void Accounting::watch_events(const Instant& now) {
  if (context_->events_off()) {
    events_off_until_ = now.steady + losses_.reconciled_within;
  } else if (now.steady >= events_off_until_) {
    return;
  }
  const auto minute = std::chrono::floor<std::chrono::minutes>(now.wall);
  current_->causes[minute].insert({accounting::kEventsOff, ""});
}

void Accounting::watch_uncounted(const Instant& now) {
  if (auto found = writer_->take_uncounted()) {
    uncounted_ = std::move(*found);
    writer_->set_measured(context_->source().capabilities);  // for the next look
  }
  if (uncounted_.empty() && left_out_.empty()) return;
  const auto minute = std::chrono::floor<std::chrono::minutes>(now.wall);
  accounting::Causes& causes = current_->causes[minute];
  causes.insert(uncounted_.begin(), uncounted_.end());
  causes.insert(left_out_.begin(), left_out_.end());
}

accounting::InterfaceTexts Accounting::interfaces() const {
  accounting::InterfaceTexts names;
  const InterfaceNames* const known = context_->interface_names();
  if (known == nullptr) return names;
  for (const auto& [index, entry] : known->entries()) names[index] = entry.name;
  return names;
}

void Accounting::note_wanted() {
  wanted_ = accounts_->any();
  if (metrics_) wanted_.add(metrics_->selection());
  for (const Asked& one : asked_) wanted_.add(one.counts.selection());
}

/// Nothing is counted for who does not ask any more.
void Accounting::end_asked(const Instant& now) {
  constexpr std::chrono::minutes kAbsent{5};
  const auto ended = [&](const Asked& one) { return now.steady - one.at > kAbsent; };
  if (asked_.remove_if(ended) > 0) note_wanted();
}

std::optional<Usage> Accounting::usage(std::optional<AccountingKey> by) {
  constexpr std::size_t kMostKeys = 4096;
  if (!by) by = neighbours_ ? AccountingKey::kDevice : AccountingKey::kHost;
  if (*by == AccountingKey::kDevice && !neighbours_) return std::nullopt;
  const bool of_database = *by == AccountingKey::kAsn || *by == AccountingKey::kCountry;
  if (of_database && !config_.counts_by(*by)) return std::nullopt;  // not asked of it
  const auto has = [&](const Asked& one) { return one.counts.by() == *by; };
  auto found = std::find_if(asked_.begin(), asked_.end(), has);
  if (found == asked_.end()) {
    found = asked_.insert(asked_.end(), {accounting::LiveCounts(*by, kMostKeys)});
    note_wanted();
  }
  found->at = clock_().steady;
  return found->counts.usage(complete_names_.get());
}

void Accounting::hand_over(const Instant& now) {
  commit_at_ = now.steady + config_.commit_interval;
  accounting::Job job;
  if (!spare_) spare_ = std::make_unique<Batch>(config_);  // at the stop
  job.batch = std::exchange(current_, std::move(spare_));
  merged_ += job.batch->merged();
  given_rows_ += job.batch->rows();
  given_quotas_ = job.batch->quotas;
  job.interfaces = interfaces();
  if (device_names_) {
    auto names = accounting::with_neighbours(*device_names_, neighbours(), now.wall);
    if (!complete_names_ || *complete_names_ != names) {
      complete_names_ = std::make_shared<const accounting::DeviceNames>(std::move(names));
    }
    job.device_names = complete_names_;
  }
  if (session_) job.totals = session_->totals();
  job.now = now;
  writer_->give(std::move(job));
}

void Accounting::settle(const Instant& now) {
  while (true) {
    auto [batch, quotas] = writer_->take_written();
    if (!batch) break;
    committed_ = now.steady;
    written_quotas_ = std::move(quotas);
    given_quotas_.clear();
    Amounts sum;
    for (const Amounts& one : batch->totals) sum += one;
    ledger_.sent_after_wait(
        {batch->flows, batch->flows, batch->flows, sum.packets(), sum.octets()});
    given_rows_ -= batch->rows();
    batch->clear();
    spare_ = std::move(batch);
  }
}

void Accounting::report_failure(const Instant& now) {
  if (const auto failure = writer_->take_failure()) {
    const bool other = last_failure_.kind != failure->kind;
    last_failure_ = {failure->kind, failure->why, now.steady};
    if (std::exchange(failing_, true) && !other) return;
    log::error(
        "accounting_not_written output={} error={} impact=\"what is counted waits in memory; rows "
        "of small keys merge into other\" fix=\"{}\"",
        name(), log::quoted(failure->why), database_fix(failure->kind, DatabaseUse::kAccounting));
  } else if (failing_ && !writer_->report().failing) {
    failing_ = false;
    log::info("accounting_written_again output={}", name());
  }
}

void Accounting::stop() {
  const Instant now = clock_();
  if (!std::exchange(started_, true)) {
    open_counted();                // a reload came before the start: takes out what does not hold
    losses_ = context_->losses();  // those of before are not of its time
    writer_->start();
  }
  watch_losses(now);
  hand_over(now);
  writer_->stop(kPatience);
  settle(now);
  const ExportAmount left = ledger_.counters().waiting;  // a copy: the ledger changes it
  if (left.flows == 0) return;
  ledger_.lost_after_wait(LossReason::kStopped, left);
  report_failure(now);
  log::error(
      "accounting_incomplete output={} flow_reports={} octets={} impact=\"they are in no row yet: "
      "they come when the disk answers, or their sum as uncounted at the next start\" fix=\"{}\"",
      name(), left.flows, left.octets,
      failing_ ? "what accounting_not_written says, then start ctflowd again"
               : "a faster disk for accounting.database");
}

std::vector<QuotaStatus> Accounting::quotas(const Instant& now) const {
  std::vector<QuotaStatus> all;
  all.reserve(accounts_->quotas().size());
  for (const NamedNetworks& one : config_.networks) {
    if (one.quota > 0) all.push_back({AccountingKey::kNetwork, one.name, one.quota});
  }
  for (const NamedDevice& one : config_.devices) {
    if (one.quota > 0) all.push_back({AccountingKey::kDevice, one.name, one.quota});
  }
  if (all.empty() || !written_quotas_ || now.wall < accounting::kEarliest) return all;
  const accounting::QuotasWritten& written = *written_quotas_;
  const auto period =
      accounts_->quotas().period_of(std::chrono::floor<std::chrono::minutes>(now.wall));
  const bool goes_on = written.period == period;
  // Back in an earlier one, after the clock was set: not known before the next transaction.
  if (!goes_on && written.period.until > period.from) return all;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].used = (goes_on ? written.octets[i] : 0) + given_quotas_.of(period, i) +
                  current_->quotas.of(period, i);
  }
  return all;
}

void Accounting::describe(OutputStatus& status, const Instant& now) const {
  const auto report = writer_->report();
  status.peer = config_.database;
  status.connected = !report.failing;
  status.counters = ledger_.counters();
  status.last_failure = last_failure_;
  AccountingStatus accounting;
  accounting.rows = current_->rows() + given_rows_;
  accounting.merged = report.merged + merged_ + current_->merged();
  accounting.failures = report.failures;
  accounting.recovered = report.recovered;
  if (committed_) {
    accounting.last_commit = age_of(*committed_, now.steady);
  }
  if (metrics_) accounting.usage = metrics_->usage(complete_names_.get());
  accounting.quotas = quotas(now);
  status.details = std::move(accounting);
}

}  // namespace ctflow
