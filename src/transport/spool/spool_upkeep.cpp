// SPDX-License-Identifier: GPL-2.0-or-later
// The part of Spool that keeps its disk in use: finding what an earlier process left, and trying
// again what failed.
#include <fmt/format.h>

#include "transport/spool/spool.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDiskRetry{1};
/// The next reload may come soon, and what waits in memory until then would find no directory.
constexpr milliseconds kLockRetry{20};
/// A reload waits 3 s for the new settings, and the old exporter has 3 s to end.
constexpr seconds kHandover{10};
constexpr seconds kRepair{5};
constexpr seconds kTroubleLasts{3};  ///< after the last error
/// What an earlier process left is read by this many octets at a time, about a millisecond's work,
/// with a pause in between: events of the kernel do not wait.
constexpr std::size_t kSlice = std::size_t{256} << 10;
constexpr milliseconds kBetweenSlices{1};

}  // namespace

void Spool::open() {
  if (!disk_ || disk_->is_open() || clock_().steady < disk_retry_) return;
  if (const std::error_code error = disk_->open()) {
    if (!awaits_lock(error)) disk_failed(error, "open");
    return;
  }
  trouble_.clear();
  recovering_ = true;
  recover();
}

/// After a reload the exporter that had these settings before has the lock until its connection
/// has ended.
bool Spool::awaits_lock(const std::error_code& error) {
  const MonoTime now = clock_().steady;
  if (error != std::errc::resource_unavailable_try_again || now > made_ + kHandover) return false;
  disk_retry_ = now + kLockRetry;
  return true;
}

void Spool::recover() {
  DiskChanges changes;
  const std::error_code error = disk_->recover(kSlice, changes);
  enter(changes);
  if (error) disk_failed(error, "read");
  if (!recovering_ || disk_->recovering()) return;
  recovering_ = false;
  if (recovered_.waiting.messages > 0 || recovered_.damaged > 0) {
    log::info("spool_recovered collector={} messages={} flows={} maybe_sent={} damaged={}",
              collector_, recovered_.waiting.messages, recovered_.waiting.flows,
              recovered_.doubtful.flows, recovered_.damaged);
  }
}

void Spool::repair() {
  repair_at_ = clock_().steady + kRepair;
  if (const std::error_code error = disk_->repair()) disk_failed(error, "note or remove");
  recovering_ = recovering_ || disk_->recovering();
  note_unrecorded();
}

void Spool::note_unrecorded() { ledger_.unrecorded(disk_->sent_unrecorded()); }

std::optional<milliseconds> Spool::work() {
  if (!disk_) return std::nullopt;
  const MonoTime now = clock_().steady;
  if (disk_usable()) {
    if (const std::error_code error = disk_->keep_lock()) disk_failed(error, "lock");
  }
  if (disk_usable()) {
    if (disk_->recovering()) recover();
    if (disk_->troubled() && now >= repair_at_) repair();
    if (!connected_) spill();
    const bool quiet = !disk_->troubled() && now >= failed_at_ + kTroubleLasts;
    if (!trouble_.empty() && quiet && !disk_->probe()) trouble_.clear();
  }
  if (ledger_.counters().unrecorded.messages > 0) note_unrecorded();
  const bool more = disk_usable() && disk_->recovering();
  if (more) return kBetweenSlices;
  const bool awaits = !disk_->is_open() && trouble_.empty() && clock_().steady <= made_ + kHandover;
  return awaits ? kLockRetry : milliseconds(kDiskRetry);
}

void Spool::disk_failed(const std::error_code& error, const char* doing) {
  ledger_.spool_failed();
  failed_at_ = clock_().steady;
  disk_retry_ = failed_at_ + kDiskRetry;
  trouble_ = fmt::format("{}: {}", doing, error.message());
  if (disk_log_.allow()) {
    log::error(
        "spool_failed collector={} directory={} doing={} error={} impact=\"messages wait in memory "
        "only, and what is on disk is not sent\" fix=\"see the error: make room, let this user "
        "write the directory, or end the other ctflowd; tried again every second\" suppressed={}",
        collector_, log::quoted(config_.directory), log::quoted(doing),
        log::quoted(error.message()), disk_log_.suppressed());
  }
}

bool Spool::disk_usable() {
  if (!disk_) return false;
  open();
  return disk_->is_open() && clock_().steady >= disk_retry_;
}

/// What the disk still says was handed over is not found by the next start.
void Spool::lose_unrecorded() {
  const ExportAmount lost = disk_ ? disk_->waiting_unrecorded() : ExportAmount{};
  if (lost.messages == 0) return;
  ledger_.lost_after_wait(LossReason::kStopped, lost);
  log::error(
      "spool_not_taken_back collector={} messages={} flows={} impact=\"given to a connection that "
      "broke, and the disk could not be written: the next start does not send them\" fix=\"make "
      "room on the disk of spool.directory\"",
      collector_, lost.messages, lost.flows);
}

}  // namespace ctflow
