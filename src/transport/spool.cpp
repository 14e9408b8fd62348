// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool.hpp"

#include <utility>

#include "transport/carried.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kDiskRetry{1};

/// What a message takes in memory: its octets, and what stands around them.
std::size_t footprint(const KeptMessage& message) {
  return message.bytes.size() + sizeof(KeptMessage) + 32;
}

}  // namespace

Spool::Spool(const std::string& collector, const SpoolConfig& config, Clock clock)
    : config_(config), collector_(collector), clock_(std::move(clock)) {
  if (!config.directory.empty()) disk_.emplace(collector, config);
}

void Spool::lose(Carried& reason, const Carried& what) {
  if (what.messages == 0) return;
  count_lost(*ledger_, reason, what);
  ledger_->waiting -= what;
  if (full_log_.allow()) {
    log::warn(
        "spool_lost collector={} lost_spool_full={} lost_spool_age={} lost_spool_damaged={} "
        "suppressed={}",
        collector_, ledger_->lost_spool_full.flows, ledger_->lost_spool_age.flows,
        ledger_->lost_spool_damaged.flows, full_log_.suppressed());
  }
}

void Spool::open() {
  if (!disk_ || disk_->is_open() || clock_().steady < disk_retry_) return;
  Carried recovered;
  std::uint64_t damaged = 0;
  const std::error_code error = disk_->open(recovered, damaged);
  ledger_->recovered += recovered;
  ledger_->waiting += recovered;
  ledger_->lost_spool_damaged.messages += damaged;
  if (error) disk_failed(error, "open");
  if (recovered.messages > 0 || damaged > 0) {
    log::info("spool_recovered collector={} messages={} flows={} damaged={}", collector_,
              recovered.messages, recovered.flows, damaged);
  }
}

void Spool::disk_failed(const std::error_code& error, const char* doing) {
  ++ledger_->spool_errors;
  disk_retry_ = clock_().steady + kDiskRetry;
  if (disk_log_.allow()) {
    log::error(
        "spool_failed collector={} directory={} doing={} error={} means=\"messages wait in memory "
        "only\" suppressed={}",
        collector_, log::quoted(config_.directory), doing, log::quoted(error.message()),
        disk_log_.suppressed());
  }
}

bool Spool::disk_usable() {
  if (!disk_) return false;
  open();
  return disk_->is_open() && clock_().steady >= disk_retry_;
}

bool Spool::to_disk(KeptMessage& message) {
  Carried dropped;
  const std::error_code error = disk_->append(message, dropped);
  lose(ledger_->lost_spool_full, dropped);
  if (error) disk_failed(error, "write");
  return !error;
}

bool Spool::spill() {
  if (!disk_usable()) return false;
  // In front of the disk's messages nothing can be put; those that came from there are there still.
  while (!returned_.empty() && disk_->empty() && !returned_.front().place) {
    if (!to_disk(returned_.front())) return false;
    pop_from_memory(returned_);
  }
  while (!memory_.empty()) {
    if (!to_disk(memory_.front())) return false;
    pop_from_memory(memory_);
  }
  return true;
}

void Spool::set_connected(bool connected) {
  connected_ = connected;
  if (!connected) spill();
}

void Spool::push_to_memory(KeptMessage message) {
  used_ += footprint(message);
  memory_.push_back(std::move(message));
}

void Spool::pop_from_memory(std::deque<KeptMessage>& queue) {
  used_ -= footprint(queue.front());
  queue.pop_front();
}

void Spool::add(std::vector<std::byte> bytes, const MessageContent& content,
                const std::shared_ptr<const Origin>& origin) {
  KeptMessage message{std::move(bytes), content, origin, clock_().wall, std::nullopt};
  ledger_->waiting += carried_by(content);
  expire();
  const bool overflows = used_ + footprint(message) > config_.memory;
  const bool wants_disk = disk_ && (!connected_ || overflows || !disk_->empty());
  if (wants_disk && spill() && to_disk(message)) return;
  push_to_memory(std::move(message));
  make_room();
}

void Spool::drop_front(std::deque<KeptMessage>& queue, Carried& reason) {
  const KeptMessage& message = queue.front();
  if (message.place) {
    disk_->mark(*message.place, true);
    disk_->settle(*message.place);
  }
  lose(reason, carried_by(message.content));
  pop_from_memory(queue);
}

void Spool::make_room() {
  while (used_ > config_.memory && (!returned_.empty() || !memory_.empty())) {
    drop_front(returned_.empty() ? memory_ : returned_, ledger_->lost_spool_full);
  }
}

bool Spool::too_old(const KeptMessage& message, TimePoint now) const {
  return config_.max_age.count() != 0 && message.kept < now - config_.max_age;
}

void Spool::expire() {
  if (config_.max_age.count() == 0) return;
  const TimePoint now = clock_().wall;
  for (std::deque<KeptMessage>* queue : {&returned_, &memory_}) {
    while (!queue->empty() && too_old(queue->front(), now)) {
      drop_front(*queue, ledger_->lost_spool_age);
    }
  }
  if (disk_) lose(ledger_->lost_spool_age, disk_->drop_older_than(now - config_.max_age));
}

std::optional<KeptMessage> Spool::take(std::deque<KeptMessage>& queue) {
  if (queue.empty()) return std::nullopt;
  KeptMessage message = std::move(queue.front());  // stays in used_
  queue.pop_front();
  return message;
}

std::optional<KeptMessage> Spool::read_disk() {
  if (!disk_) return std::nullopt;
  Carried damaged;
  std::optional<KeptMessage> message = disk_->read(damaged);
  for (; message && too_old(*message, clock_().wall); message = disk_->read(damaged)) {
    lose(ledger_->lost_spool_age, carried_by(message->content));
    disk_->settle(*message->place);
  }
  lose(ledger_->lost_spool_damaged, damaged);
  if (message) used_ += footprint(*message);
  return message;
}

std::optional<KeptMessage> Spool::next() {
  open();
  expire();
  if (auto message = take(returned_)) return message;
  if (auto message = read_disk()) return message;
  return take(memory_);
}

void Spool::put_back(KeptMessage message) { returned_.push_front(std::move(message)); }

void Spool::handed_over(const KeptMessage& message) {
  if (message.place) disk_->mark(*message.place, true);
}

void Spool::sent(const KeptMessage& message) {
  used_ -= footprint(message);
  ledger_->waiting -= carried_by(message.content);
  count_sent(*ledger_, message.content, message.bytes.size());
  if (message.place) {
    disk_->mark(*message.place, true);  // the acknowledgement may be faster than handed_over()
    disk_->settle(*message.place);
  }
}

void Spool::give_back(std::deque<KeptMessage> messages, std::size_t left) {
  for (std::size_t i = messages.size(); i-- > 0;) {
    KeptMessage& message = messages[i];
    if (i < left) ledger_->resent += carried_by(message.content);
    if (message.place) disk_->mark(*message.place, false);
    returned_.push_front(std::move(message));
  }
}

bool Spool::empty() const {
  return returned_.empty() && memory_.empty() && (!disk_ || disk_->empty());
}

Backlog Spool::backlog() const {
  Backlog backlog{used_, config_.memory, 0, 0, std::nullopt};
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
  spill();
  for (std::deque<KeptMessage>* queue : {&returned_, &memory_}) {
    for (; !queue->empty(); pop_from_memory(*queue)) {
      if (queue->front().place) continue;  // on disk
      // Those that came back stand before the disk's; behind them they are better than lost.
      if (disk_usable() && to_disk(queue->front())) continue;
      const Carried lost = carried_by(queue->front().content);
      count_lost(*ledger_, ledger_->lost_stopped, lost);
      ledger_->waiting -= lost;
    }
  }
}

}  // namespace ctflow
