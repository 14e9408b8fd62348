// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool.hpp"

#include <utility>

#include "ctflow/clock.hpp"
#include "ledger/export_amount.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using State = DiskSpool::State;

/// A crash may cost what came within this time while a connection takes no more.
constexpr seconds kUnsecured{1};

/// What a message takes in memory: its octets, and what stands around them.
std::size_t footprint(std::size_t octets) { return octets + sizeof(KeptMessage) + 32; }
std::size_t footprint(const KeptMessage& message) { return footprint(message.bytes.size()); }

}  // namespace

Spool::Spool(const std::string& collector, const SpoolConfig& config, ExportLedger& ledger,
             Clock clock)
    : config_(config), collector_(collector), ledger_(ledger), clock_(std::move(clock)) {
  if (!config.directory.empty()) disk_.emplace(collector, config, system_);
}

Spool::Spool(const std::string& collector, const SpoolConfig& config, ExportLedger& ledger,
             Clock clock, SpoolFiles& files)
    : config_(config), collector_(collector), ledger_(ledger), clock_(std::move(clock)) {
  if (!config.directory.empty()) disk_.emplace(collector, config, files);
}

void Spool::lose(LossReason reason, const ExportAmount& what) {
  if (what.messages == 0) return;
  ledger_.lost_after_wait(reason, what);
  if (full_log_.allow()) {
    const ExporterCounters& counters = ledger_.counters();
    log::warn(
        "spool_lost collector={} lost_spool_full={} lost_spool_age={} lost_spool_damaged={} "
        "impact=\"these flow reports are missing there\" fix=\"raise spool.size, and find out why "
        "the other end takes nothing\" suppressed={}",
        collector_, counters.lost_spool_full.flows, counters.lost_spool_age.flows,
        counters.lost_spool_damaged.flows, full_log_.suppressed());
  }
}

void Spool::enter(const DiskChanges& changes) {
  const Recovered& found = changes.recovered;
  ledger_.recovered(found.waiting);
  ledger_.resent(found.doubtful);
  ledger_.found_damaged(found.damaged);
  recovered_.waiting += found.waiting;
  recovered_.doubtful += found.doubtful;
  recovered_.damaged += found.damaged;
  lose(LossReason::kSpoolDamaged, found.lost);
  lose(LossReason::kSpoolFull, changes.dropped);
  lose(LossReason::kSpoolAge, changes.aged);
  lose(LossReason::kSpoolDamaged, changes.damaged);
}

bool Spool::to_disk(KeptMessage& message) {
  DiskChanges changes;
  const std::error_code error = disk_->append(message, State::kWaits, changes);
  enter(changes);
  if (error) disk_failed(error, "write");
  return !error;
}

bool Spool::spill() {
  if (!disk_usable()) return false;
  for (std::deque<KeptMessage>* queue : {&returned_, &memory_}) {
    for (; !queue->empty(); pop_from_memory(*queue)) {
      if (!to_disk(queue->front())) return false;
    }
  }
  return true;
}

void Spool::push_to_memory(KeptMessage message) {
  used_ += footprint(message);
  memory_.push_back(std::move(message));
}

void Spool::pop_from_memory(std::deque<KeptMessage>& queue) {
  used_ -= footprint(queue.front());
  queue.pop_front();
}

bool Spool::wants_disk(std::size_t octets) const {
  const bool overflows = used_ + footprint(octets) > config_.memory;
  return disk_ && (!connected_ || overflows || !disk_->empty());
}

void Spool::add(std::vector<std::byte> bytes, const MessageContent& content,
                const std::shared_ptr<const Origin>& origin) {
  const Instant now = clock_();
  KeptMessage message{std::move(bytes), content, origin, now.wall, std::nullopt, now.steady};
  ledger_.wait(content);
  expire();
  if (wants_disk(message.bytes.size()) && spill() && to_disk(message)) return;
  push_to_memory(std::move(message));
  make_room();
}

void Spool::drop_front(std::deque<KeptMessage>& queue, LossReason reason) {
  lose(reason, amount_of(queue.front().content));
  pop_from_memory(queue);
}

void Spool::make_room() {
  while (used_ > config_.memory && (!returned_.empty() || !memory_.empty())) {
    drop_front(returned_.empty() ? memory_ : returned_, LossReason::kSpoolFull);
  }
}

bool Spool::too_old(const KeptMessage& message, TimePoint now) const {
  return config_.max_age.count() != 0 && message.kept < now - config_.max_age;
}

void Spool::expire() {
  if (config_.max_age.count() == 0) return;
  const auto [now, steady] = clock_();
  for (std::deque<KeptMessage>* queue : {&returned_, &memory_}) {
    // Of this process: the wall clock may have been set meanwhile.
    while (!queue->empty() && queue->front().since < steady - config_.max_age) {
      drop_front(*queue, LossReason::kSpoolAge);
    }
  }
  if (!disk_usable()) return;
  DiskChanges changes;
  const std::error_code error = disk_->drop_older_than(now - config_.max_age, changes);
  enter(changes);
  if (error) disk_failed(error, "remove");
}

std::optional<KeptMessage> Spool::take(std::deque<KeptMessage>& queue) {
  if (queue.empty()) return std::nullopt;
  KeptMessage message = std::move(queue.front());  // stays in used_
  queue.pop_front();
  return message;
}

std::optional<KeptMessage> Spool::read_disk() {
  if (!disk_usable()) return std::nullopt;
  DiskChanges changes;
  std::error_code error;
  std::optional<KeptMessage> message = disk_->take(changes, error);
  while (message && too_old(*message, clock_().wall)) {
    changes.aged += amount_of(message->content);
    error = disk_->mark(*message->place, State::kHandedOver);
    const std::error_code not_removed = disk_->settle(*message->place);
    if (error || (error = not_removed)) break;
    message = disk_->take(changes, error);
  }
  enter(changes);
  if (error) {
    disk_failed(error, "read or note");
    return std::nullopt;
  }
  if (!message) return message;
  used_ += footprint(*message);
  message->since = clock_().steady;
  return message;
}

std::optional<KeptMessage> Spool::next() {
  open();
  expire();
  if (auto message = take(returned_)) return message;
  if (auto message = read_disk()) return message;
  return take(memory_);
}

void Spool::return_to_disk(KeptMessage& message, bool left) {
  if (!message.place) return;
  if (!disk_->holds(*message.place)) {
    message.place.reset();  // dropped to make room, or removed by another program
    return;
  }
  if (const std::error_code error = disk_->give_back(*message.place, left)) {
    disk_failed(error, "note");
  }
}

void Spool::handed_over(const KeptMessage& message) {
  if (!message.place) return;
  if (const std::error_code error = disk_->mark(*message.place, State::kHandedOver)) {
    disk_failed(error, "note");
  }
}

bool Spool::overdue(const KeptMessage& message) const {
  return disk_ && clock_().steady >= message.since + kUnsecured;
}

bool Spool::secure(KeptMessage& message) {
  if (!disk_usable()) return false;
  std::error_code error;
  if (message.place && disk_->holds(*message.place)) {
    error = disk_->mark(*message.place, State::kTaken);
  } else {
    DiskChanges changes;
    error = disk_->append(message, State::kTaken, changes);
    enter(changes);
  }
  if (error) disk_failed(error, "write");
  return !error;
}

bool Spool::secure_at_stop(KeptMessage& message) {
  disk_retry_ = {};  // there is no later attempt
  return secure(message);
}

void Spool::secure_waiting() {
  const auto waits = [this](const auto& queue) { return !queue.empty() && overdue(queue.front()); };
  if (waits(returned_) || waits(memory_)) spill();
}

void Spool::sent(const KeptMessage& message) {
  ledger_.sent_after_wait(message.content, message.bytes.size());
  settle(message);
}

void Spool::lost(const KeptMessage& message, LossReason reason) {
  ledger_.lost_after_wait(reason, amount_of(message.content));
  settle(message);
}

void Spool::settle(const KeptMessage& message) {
  used_ -= footprint(message);
  if (!message.place) return;
  // The acknowledgement may be faster than handed_over().
  const std::error_code not_noted = disk_->mark(*message.place, State::kHandedOver);
  const std::error_code not_removed = disk_->settle(*message.place);
  if (not_noted || not_removed) {
    disk_failed(not_noted ? not_noted : not_removed, not_noted ? "note" : "remove");
    note_unrecorded();
  }
}

void Spool::give_back(std::deque<KeptMessage> messages, std::size_t left) {
  for (std::size_t i = messages.size(); i-- > 0;) {
    KeptMessage& message = messages[i];
    if (i < left) ledger_.resent(amount_of(message.content));
    return_to_disk(message, i < left);
    if (message.place) {
      used_ -= footprint(message);
    } else {
      returned_.push_front(std::move(message));
    }
  }
}

Backlog Spool::backlog() const {
  Backlog backlog{used_, config_.memory, 0, 0, std::nullopt, trouble_};
  const auto waits_since = [&](std::optional<TimePoint> kept) {
    if (kept && (!backlog.oldest || *kept < *backlog.oldest)) backlog.oldest = kept;
  };
  if (!returned_.empty()) waits_since(returned_.front().kept);
  if (!memory_.empty()) waits_since(memory_.front().kept);
  if (disk_) {
    backlog.disk = disk_->size();
    backlog.disk_limit = config_.size;
    waits_since(disk_->oldest());
  }
  return backlog;
}

void Spool::stop() {
  disk_retry_ = {};
  if (disk_usable()) {
    DiskChanges changes;
    disk_->verify(changes);
    enter(changes);
    disk_->owe_unrecorded();
    if (disk_->troubled()) repair();
    disk_retry_ = {};
  }
  lose_unrecorded();
  spill();
  disk_retry_ = {};
  for (std::deque<KeptMessage>* queue : {&returned_, &memory_}) {
    for (; !queue->empty(); pop_from_memory(*queue)) {
      if (disk_usable() && to_disk(queue->front())) continue;
      ledger_.lost_after_wait(LossReason::kStopped, amount_of(queue->front().content));
    }
  }
  const ExportAmount& unrecorded = ledger_.counters().unrecorded;
  if (unrecorded.messages > 0) {
    log::error(
        "spool_unrecorded collector={} messages={} flows={} impact=\"sent, but the disk could not "
        "be written: the next start sends them again\" fix=\"make room on the disk of "
        "spool.directory\"",
        collector_, unrecorded.messages, unrecorded.flows);
  }
  if (disk_) disk_->close();
}

}  // namespace ctflow
