// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/daemon.hpp"

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>

#include "config/settings.hpp"
#include "ctflow/clock.hpp"
#include "daemon/service_manager.hpp"
#include "doctor/configuration_check.hpp"
#include "doctor/spool_check.hpp"
#include "doctor/system_check.hpp"
#include "enrich/origin/origin_databases.hpp"
#include "findings/finding_text.hpp"
#include "log/log.hpp"
#include "process/give_back_memory.hpp"
#include "transport/spool/spool_names.hpp"
#include "version/version.hpp"

namespace ctflow {
namespace {

/// False, and logged, when `work` throws: what follows must happen nevertheless.
template <typename Work>
bool succeeds(Work work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    log::error("failed error={}", log::quoted(error.what()));
    return false;
  }
}

constexpr std::chrono::milliseconds kLookupPoll{10};

}  // namespace

Daemon::Daemon(boost::asio::io_context& io, Config config, Parts parts)
    : io_(io),
      config_(std::move(config)),
      parts_(std::move(parts)),
      signals_(io, {SIGTERM, SIGINT, SIGHUP, SIGUSR1}),
      start_timer_(io),
      reload_timer_(io),
      spools_timer_(io),
      memory_timer_(io),
      watchdog_timer_(io),
      databases_(make_databases(config_, nullptr)),
      namespaces_(io, config_, [this](boost::asio::io_context& loop, const NamespaceConfig* which) {
        auto exporter = std::make_unique<NamespaceExporter>(
            loop, config_, which, parts_.make_source, databases_, parts_.check);
        exporter->ended = [this] { io_.stop(); };
        return exporter;
      }) {
  namespaces_.open();
  served_status_ = serve_status(
      io, config_.status,
      {[this] { return status(); }, [this](std::optional<AccountingKey> by) { return usage(by); },
       [this] { return config_.accounting; }});
}

Daemon::~Daemon() = default;

NamespaceExporter::Databases Daemon::make_databases(const Config& config,
                                                    const OriginDatabases* before) {
  const auto alone = [this](const std::function<void()>& work) {
    const auto paused = namespaces_.pause();
    work();
  };
  return std::make_shared<const OriginDatabases>(io_, databases_of(config), before, alone);
}

int Daemon::run() {
  wait_for_signal();
  const bool ran = succeeds([&] {
    constexpr std::chrono::milliseconds kLongestWait{300};  // the receive buffer bridges that
    namespaces_.start_threads();
    start_when_ready(std::chrono::steady_clock::now() + kLongestWait);
    log::may_wait({});  // from here on a reader of the log that stalls must not delay the flows
    io_.run();
  });
  constexpr std::chrono::seconds kForTheTotals{1};
  log::may_wait(kForTheTotals);
  service_manager::stopping();
  namespaces_.stop_watching();
  stuck_ = !namespaces_.stop_threads();
  bool drained = !stuck_;
  const auto attempt = [&](const auto& work) { drained = succeeds(work) && drained; };
  for (PendingChange& one : changes_) {  // a reload that is under way comes too late
    if (!stuck_) attempt([&] { one.change.give_up(); });
  }
  changes_.clear();
  for (const auto& exporter : namespaces_.all()) {
    attempt([&] { exporter->stop(); });
    attempt([&] { exporter->flush(); });
  }
  attempt([&] { drain(); });
  attempt([&] { namespaces_.finish(); });
  for (const auto& exporter : namespaces_.all()) attempt([&] { exporter->finish(); });
  for (const auto& exporter : namespaces_.all()) exporter->log_totals();
  return ran && drained ? 0 : 1;
}

void Daemon::drain() {
  const auto busy = [&] {
    const auto all = namespaces_.all();
    return namespaces_.busy() || std::any_of(all.begin(), all.end(),
                                             [](const auto& exporter) { return exporter->busy(); });
  };
  constexpr std::chrono::seconds kPatience{1};
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  signals_.cancel();
  start_timer_.cancel();
  reload_timer_.cancel();
  spools_timer_.cancel();
  memory_timer_.cancel();
  io_.restart();
  while (busy() && std::chrono::steady_clock::now() < deadline) {
    if (!namespaces_.has_threads()) {
      if (io_.run_one_until(deadline) == 0) break;
    } else if (io_.poll_one() + namespaces_.poll_threads() == 0) {
      constexpr std::chrono::milliseconds kPoll{1};
      std::this_thread::sleep_for(kPoll);
    }
  }
}

void Daemon::wait_for_signal() {
  signals_.wait([this](int signal) {
    if (signal == SIGUSR1) {
      for (const auto& exporter : namespaces_.all()) {
        succeeds([&] {
          const auto paused = exporter.pause();
          exporter->reopen();
        });
      }
      wait_for_signal();
      return;
    }
    if (signal == SIGHUP) {
      reload();
      wait_for_signal();
      return;
    }
    log::info("stopping signal={}", signal);
    io_.stop();
  });
}

void Daemon::start_when_ready(MonoTime latest) {
  const auto paused = namespaces_.pause();
  const auto all = namespaces_.all();
  const bool waiting =
      std::any_of(all.begin(), all.end(), [](const auto& exporter) { return exporter->waiting(); });
  if (waiting && std::chrono::steady_clock::now() < latest) {
    start_timer_.after(kLookupPoll, [this, latest] { start_when_ready(latest); });
    return;
  }
  start();
}

void Daemon::start() {
  for (const auto& exporter : namespaces_.all()) exporter->start();
  namespaces_.watch();
  log_findings(check_configuration(config_));
  log_findings(check_clock(read_clock()));
  log_findings(check_spools(config_));
  log::info("started version={}", version());
  service_manager::ready();
  give_back_memory_soon();
  watch();
}

/// Once the first work has been done.
void Daemon::give_back_memory_soon() {
  constexpr std::chrono::seconds kFirstWork{5};
  memory_timer_.after(kFirstWork, give_back_memory);
}

void Daemon::watch() {
  const auto interval = service_manager::watchdog_interval();
  if (interval.count() == 0) return;
  namespaces_.when_all_answer(service_manager::alive);
  watchdog_timer_.after(interval, [this] { watch(); });
}

Config Daemon::read_changed() const {
  Config next = parts_.load();
  const std::vector<std::string> fixed = config::needing_restart(config_, next);
  if (!fixed.empty()) {
    log::warn(
        "reload_incomplete settings={} impact=\"these keep their values\" fix=\"restart ctflowd\"",
        fmt::join(fixed, ","));
  }
  static_cast<SealedConfig&>(next) = static_cast<const SealedConfig&>(config_);
  // The file was checked with its own sealed settings. Without them no output may be left, say.
  if (const std::string wrong = fixed.empty() ? "" : config::contradiction(next); !wrong.empty()) {
    throw ConfigError(fmt::format(
        "with the settings that need a restart as they are: {}; restart ctflowd", wrong));
  }
  return next;
}

void Daemon::reload() {
  if (!parts_.load) {
    log::warn("reload_refused impact=\"a replay does not reload its configuration\"");
    return;
  }
  if (reloading_) {
    reload_again_ = true;
    return;
  }
  service_manager::reloading();
  std::vector<LoopThread::Pause> paused;
  std::vector<PendingChange> changes;
  Config next;
  NamespaceExporter::Databases databases;
  try {
    next = read_changed();
    databases = databases_of(next) == databases_of(config_)
                    ? databases_
                    : make_databases(next, databases_.get());
    paused = namespaces_.pause();
    for (const auto& exporter : namespaces_.all()) {
      changes.push_back({exporter.get(), exporter->prepare(next, databases)});
    }
  } catch (const std::exception& error) {
    log::error("reload_failed error={} impact=\"the previous configuration stays in use\"",
               log::quoted(error.what()));
    on_reloaded(error.what());
    service_manager::ready();
    return;
  }
  next_ = std::move(next);
  next_databases_ = std::move(databases);
  changes_ = std::move(changes);
  reloading_ = true;
  namespaces_.hold(true);
  for (const PendingChange& one : changes_) one.change.begin();
  constexpr std::chrono::seconds kLongestWait{3};  // meanwhile the old configuration exports
  adopt_when_ready(std::chrono::steady_clock::now() + kLongestWait);
}

void Daemon::adopt_when_ready(MonoTime latest) {
  // Nothing else says what a database says: before it is read flows would go out without.
  constexpr std::chrono::seconds kForDatabases{60};
  const auto again = [&] {
    reload_timer_.after(kLookupPoll, [this, latest] { adopt_when_ready(latest); });
  };
  std::vector<LoopThread::Pause> paused;
  try {
    paused = namespaces_.pause();
  } catch (const LoopThread::Busy&) {
    again();
    return;
  }
  const MonoTime now = std::chrono::steady_clock::now();
  const bool waiting = std::any_of(changes_.begin(), changes_.end(),
                                   [](const PendingChange& one) { return one.change.waiting(); });
  if ((waiting && now < latest) || (next_databases_->waiting() && now < latest + kForDatabases)) {
    again();
    return;
  }
  adopt();
}

void Daemon::adopt() {
  // A namespace that could not be started was closed meanwhile.
  for (const auto& exporter : namespaces_.all()) {
    const auto pending =
        std::find_if(changes_.begin(), changes_.end(),
                     [&](const PendingChange& one) { return one.exporter == exporter.get(); });
    if (pending != changes_.end()) exporter->adopt(std::move(pending->change));
  }
  changes_.clear();
  reloading_ = false;
  namespaces_.hold(false);
  for (const std::string& one : spool_directories(config_)) earlier_spools_.insert(one);
  config_ = std::move(next_);
  databases_ = std::move(next_databases_);
  log::configure(config_.log.level);
  log_findings(check_configuration(config_));
  log_findings(check_clock(read_clock()));
  log::info("reloaded collectors={} groups={} logs={}", config_.collectors.size(),
            config_.groups.size(), config_.log_connections.size());
  on_reloaded("");
  give_back_memory_soon();
  // By then the exporters of the old configuration have ended, and left what they had.
  constexpr std::chrono::seconds kOldOnesEnded{5};
  spools_timer_.after(kOldOnesEnded,
                      [this] { log_findings(check_spools(config_, earlier_spools_)); });
  namespaces_.look_now();
  service_manager::ready();
  if (std::exchange(reload_again_, false)) reload();
}

void Daemon::on_reloaded(const std::string& error) {
  ++(error.empty() ? reloads_.succeeded : reloads_.failed);
  reloads_.last = std::chrono::system_clock::now();
  reloads_.last_succeeded = error.empty();
  reloads_.last_error = error;
}

Status Daemon::status() const {
  Status status;
  status.version = version();
  status.compiler = __VERSION__;
  status.started = made_;
  status.now = std::chrono::system_clock::now();
  status.reloads = reloads_;
  for (const auto& exporter : namespaces_.all()) {
    const auto paused = exporter.pause();
    status.namespaces.push_back(exporter->status());
  }
  status.missing_namespaces = namespaces_.missing();
  status.databases = databases_->status();
  return status;
}

std::vector<NamespaceUsage> Daemon::usage(std::optional<AccountingKey> by) {
  std::vector<NamespaceUsage> all;
  for (const auto& exporter : namespaces_.all()) {
    const auto paused = exporter.pause();
    all.push_back(exporter->usage(by));
  }
  return all;
}

bool Daemon::runs_on() const {
  const auto all = namespaces_.all();
  return stuck_ || std::any_of(all.begin(), all.end(),
                               [](const auto& exporter) { return exporter->lookup_running(); });
}

}  // namespace ctflow
