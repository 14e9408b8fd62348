// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/writer.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>

#include "findings/database_failure.hpp"
#include "log/log.hpp"

namespace ctflow::accounting {
namespace {

constexpr std::chrono::seconds kBetweenAttempts{1};
constexpr std::chrono::seconds kBetweenReadings{10};

}  // namespace

struct Writer::Shared {
  Shared(std::unique_ptr<Store> its_store, ReadSurroundings its_reading, ReadDeviceNames its_names,
         ReadUncounted its_uncounted)
      : store(std::move(its_store)),
        read_surroundings(std::move(its_reading)),
        read_names(std::move(its_names)),
        read_uncounted(std::move(its_uncounted)) {}

  // The thread's.
  std::unique_ptr<Store> store;
  ReadSurroundings read_surroundings;
  ReadDeviceNames read_names;
  ReadUncounted read_uncounted;
  bool unreadable = false;  ///< as logged

  // Held for moments only, never while the disk is waited for.
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  std::deque<Written> written;
  std::shared_ptr<const Surroundings> surroundings;
  std::shared_ptr<const DeviceNames> device_names;
  std::optional<Causes> uncounted;
  Capabilities measured;
  Report report;
  std::optional<WriteFailure> failure;
  bool stopping = false;
  bool all_written = false;

  bool write(const Job& job);
  bool write_first();
  void look_around();
  void look_at_names();
  void look_at_uncounted();
  void end_session();
};

bool Writer::Shared::write(const Job& job) {
  std::optional<WriteFailure> why;
  try {
    store->write(job);
  } catch (const std::exception&) {
    why = write_failure();
  }
  const std::lock_guard lock(mutex);
  report.failing = why.has_value();
  report.recovered = store->recovered();
  report.merged = store->merged();
  if (!why) return true;
  ++report.failures;
  failure = std::move(why);
  return false;
}

/// Nothing to do, or done.
bool Writer::Shared::write_first() {
  const Job* job = nullptr;
  {
    const std::lock_guard lock(mutex);
    if (jobs.empty()) return true;
    job = &jobs.front();  // the event loop only adds behind it
  }
  if (!write(*job)) return false;
  const std::lock_guard lock(mutex);
  written.push_back({std::move(jobs.front().batch), store->quotas()});
  jobs.pop_front();
  return true;
}

void Writer::Shared::look_around() {
  try {
    auto found = read_surroundings();
    unreadable = false;
    const std::lock_guard lock(mutex);
    surroundings = std::move(found);
  } catch (const std::exception& error) {
    if (std::exchange(unreadable, true)) return;
    log::warn(
        "accounting_addresses_unreadable error={} impact=\"addresses that changed since are "
        "counted as before\" fix=\"see the error; tried again every 10 s\"",
        log::quoted(error.what()));
  }
}

void Writer::Shared::look_at_names() {
  if (!read_names) return;
  if (auto names = read_names()) {
    const std::lock_guard lock(mutex);
    device_names = std::move(names);
  }
}

/// What cannot be read is not known to be uncounted: doctor says so.
void Writer::Shared::look_at_uncounted() {
  if (!read_uncounted) return;
  Capabilities now;
  {
    const std::lock_guard lock(mutex);
    now = measured;
  }
  Causes found;
  try {
    found = read_uncounted(now);
  } catch (const std::system_error&) {
    found.clear();
  }
  const std::lock_guard lock(mutex);
  uncounted = std::move(found);
}

void Writer::Shared::end_session() {
  try {
    store->end_session();
  } catch (const std::exception& error) {
    log::warn(
        "accounting_session_left error={} impact=\"a row of the table session stays, and changes "
        "no sum\" fix=\"{}\"",
        log::quoted(error.what()), database_fix(write_failure().kind, DatabaseUse::kAccounting));
  }
}

Writer::Writer(std::unique_ptr<Store> store, ReadSurroundings read_surroundings,
               ReadDeviceNames read_names, ReadUncounted read_uncounted)
    : shared_(std::make_shared<Shared>(std::move(store), std::move(read_surroundings),
                                       std::move(read_names), std::move(read_uncounted))) {}

/// A thread that does not hang ends before what it logs to does.
Writer::~Writer() { stop(std::chrono::milliseconds(500)); }

void Writer::run(const std::shared_ptr<Shared>& shared) {
  auto look_at = std::chrono::steady_clock::now() + kBetweenReadings;
  bool all = false;
  shared->look_at_uncounted();
  while (true) {
    const bool wrote = shared->write_first();
    if (std::chrono::steady_clock::now() >= look_at) {
      shared->look_around();
      shared->look_at_names();
      shared->look_at_uncounted();
      look_at = std::chrono::steady_clock::now() + kBetweenReadings;
    }
    std::unique_lock lock(shared->mutex);
    if (wrote && !shared->jobs.empty()) continue;
    if (shared->stopping) {
      all = wrote;
      break;
    }
    if (wrote) {
      shared->wake.wait_until(lock, look_at,
                              [&] { return shared->stopping || !shared->jobs.empty(); });
    } else {
      shared->wake.wait_for(lock, kBetweenAttempts, [&] { return shared->stopping; });
    }
  }
  if (all) shared->end_session();
  shared->store.reset();  // closes the database
  const std::lock_guard lock(shared->mutex);
  shared->all_written = all;
}

void Writer::start() {
  thread_.start("accounting", [shared = shared_] { run(shared); });
}

bool Writer::idle() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->jobs.empty() && shared_->written.empty();
}

void Writer::give(Job job) {
  const std::lock_guard lock(shared_->mutex);
  shared_->jobs.push_back(std::move(job));
  shared_->wake.notify_one();
}

Writer::Written Writer::take_written() {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->written.empty()) return {};
  Written one = std::move(shared_->written.front());
  shared_->written.pop_front();
  return one;
}

std::shared_ptr<const Surroundings> Writer::take_surroundings() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->surroundings, nullptr);
}

std::shared_ptr<const DeviceNames> Writer::take_device_names() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->device_names, nullptr);
}

std::optional<Causes> Writer::take_uncounted() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->uncounted, std::nullopt);
}

void Writer::set_measured(const Capabilities& measured) {
  const std::lock_guard lock(shared_->mutex);
  shared_->measured = measured;
}

Writer::Report Writer::report() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->report;
}

std::optional<WriteFailure> Writer::take_failure() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->failure, std::nullopt);
}

bool Writer::stop(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_all();
  }
  if (!thread_.ended_within(patience)) return false;
  const std::lock_guard lock(shared_->mutex);
  return shared_->all_written;
}

}  // namespace ctflow::accounting
