// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/waiting_lines.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "ledger/export_amount.hpp"
#include "transport/spool/spool_names.hpp"

namespace ctflow::kafka {
namespace {

constexpr std::size_t kSpareLines = 4096;
/// Octets on their way while no broker is known to answer: enough for one to be looked for.
constexpr std::size_t kProbe = std::size_t{64} << 10;

SpoolConfig spool_of(const ConnectionLogConfig& config) {
  SpoolConfig spool = config.spool;
  spool.memory = config.buffer;
  return spool;
}

}  // namespace

WaitingLines::WaitingLines(const ConnectionLogConfig& config, ExportLedger& ledger,
                           SpoolFiles* files)
    : buffer_(config.buffer), ledger_(ledger) {
  if (config.spool.directory.empty()) return;
  const std::string name = topic_spool_name(config.name);
  if (files == nullptr) {
    spool_.emplace(name, spool_of(config), ledger, system_now);
  } else {
    spool_.emplace(name, spool_of(config), ledger, system_now, *files);
  }
  origin_ = make_origin({});
}

WaitingLines::Line& WaitingLines::reuse(Lines& as) {
  if (spare_.empty()) spare_.emplace_back();
  as.splice(as.end(), spare_, spare_.begin());
  Line& line = as.back();
  line.owner = nullptr;
  line.secured = &as == &secured_;
  line.self = std::prev(as.end());
  return line;
}

WaitingLines::Line* WaitingLines::begin(std::string_view line, const MessageContent& content,
                                        const Instant& now) {
  if (octets_ + line.size() > buffer_) return nullptr;
  Line& one = reuse(fresh_);
  one.message.content = content;
  one.message.kept = now.wall;
  one.octets = line.size();
  octets_ += one.octets;
  ledger_.wait(content);
  return &one;
}

void WaitingLines::keep(std::string_view line, const MessageContent& content) {
  // The memory of one that has gone is used again.
  std::vector<std::byte> bytes;
  if (!spare_.empty()) bytes = std::move(spare_.front().message.bytes);
  bytes.resize(line.size());
  std::memcpy(bytes.data(), line.data(), line.size());
  if (spool_->wants_disk(line.size())) secure_all();
  spool_->add(std::move(bytes), content, origin_);
}

WaitingLines::Line* WaitingLines::next() {
  // Half: what comes while the disk fails finds room, and librdkafka's limit is never met.
  if (octets_ >= (connected_ ? buffer_ / 2 : std::min(kProbe, buffer_ / 2))) return nullptr;
  std::optional<KeptMessage> message = spool_->next();
  if (!message) return nullptr;
  Line& line = reuse(message->place ? secured_ : fresh_);
  line.message = *std::move(message);
  line.octets = line.message.bytes.size();
  octets_ += line.octets;
  return &line;
}

void WaitingLines::not_sent(Line& line) {
  not_sent_.push_back(std::move(line.message));
  release(line);
}

void WaitingLines::give_back() {
  if (not_sent_.empty()) return;
  // Those on disk have their place there; the others are reported by partitions.
  std::stable_sort(
      not_sent_.begin(), not_sent_.end(),
      [](const KeptMessage& one, const KeptMessage& other) { return one.since < other.since; });
  spool_->give_back(std::exchange(not_sent_, {}), 0);
}

void WaitingLines::set_connected(bool connected) {
  if (!spool_ || std::exchange(connected_, connected) == connected) return;
  if (!connected) secure_all();
  spool_->set_connected(connected);
}

void WaitingLines::note_secured() {
  fresh_.front().secured = true;
  secured_.splice(secured_.end(), fresh_, fresh_.begin());
}

void WaitingLines::secure_all() {
  if (!spool_) return;
  while (!fresh_.empty() && spool_->secure(fresh_.front().message)) note_secured();
}

void WaitingLines::secure_overdue() {
  while (!fresh_.empty() && spool_->overdue(fresh_.front().message) &&
         spool_->secure(fresh_.front().message)) {
    note_secured();
  }
  spool_->secure_waiting();
}

void WaitingLines::secure_at_stop() {
  while (!fresh_.empty() && spool_->secure_at_stop(fresh_.front().message)) note_secured();
}

std::chrono::milliseconds WaitingLines::work() {
  constexpr std::chrono::seconds kNever{3600};
  return spool_->work().value_or(kNever);
}

void WaitingLines::sent(Line& line) {
  if (spool_) {
    spool_->sent(line.message);
  } else {
    ledger_.sent_after_wait(line.message.content, line.octets);
  }
  release(line);
}

void WaitingLines::lose(Line& line, LossReason reason) {
  if (spool_) {
    spool_->lost(line.message, reason);
  } else {
    ledger_.lost_after_wait(reason, amount_of(line.message.content));
  }
  release(line);
}

void WaitingLines::lose_all_of(const Client* client) {
  for (Lines* const lines : {&fresh_, &secured_}) {
    for (auto next = lines->begin(); next != lines->end();) {
      Line& one = *next++;
      if (client == nullptr || one.owner == client) lose(one, LossReason::kUncertain);
    }
  }
}

void WaitingLines::release(Line& line) {
  octets_ -= line.octets;
  Lines& lines = list_of(line);
  if (spare_.size() < kSpareLines) {
    spare_.splice(spare_.begin(), lines, line.self);
  } else {
    lines.erase(line.self);
  }
}

void WaitingLines::stop() {
  if (!spool_) return;
  give_back();
  spool_->stop();
}

Backlog WaitingLines::backlog() const {
  Backlog backlog;
  if (spool_) {
    backlog = spool_->backlog();
  } else {
    backlog.memory = octets_;
    backlog.memory_limit = buffer_;
  }
  for (const Lines* const lines : {&fresh_, &secured_}) {
    if (lines->empty()) continue;
    const TimePoint kept = lines->front().message.kept;
    if (!backlog.oldest || kept < *backlog.oldest) backlog.oldest = kept;
  }
  return backlog;
}

}  // namespace ctflow::kafka
