// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/dying_list.hpp"

#include <utility>

#include "conntrack/flow/decode.hpp"
#include "event_loop/rounds.hpp"

namespace ctflow {
namespace {

/// The kernel tries again a second after the first failure at the earliest.
constexpr std::chrono::seconds kInterval{1};
/// Ends are older than that before they may be forgotten: between sending the event and putting the
/// connection on its list the kernel may be interrupted.
constexpr std::chrono::milliseconds kLeastAge{900};
/// A kernel that cannot be asked: what is older than this is taken for delivered.
constexpr std::chrono::minutes kAgeUnasked{1};
constexpr int kFailuresToGiveUp = 5;

}  // namespace

DyingList::DyingList(boost::asio::io_context& io, FlowAssembler& assembler, EventListener& listener,
                     const NetworkNamespace& home)
    : assembler_(assembler),
      listener_(listener),
      dump_(io, TableDump::What::kDying, home),
      timer_(io) {}

void DyingList::start() {
  timer_.at(next_round(kInterval), [this] {
    const EndedConnections& ended = assembler_.ended;
    const bool due = pace_.due(std::chrono::steady_clock::now()) || ended.fills();
    if (due && ended.size() > 0 && !dump_.running()) begin();
    start();
  });
}

void DyingList::look(std::function<void(bool proven)> seen) {
  next_ = std::move(seen);
  // One that is under way began too early, but ends: scans may follow each other faster than looks
  // at a long list take.
  if (!dump_.running()) begin();
}

void DyingList::begin() {
  seen_ = std::exchange(next_, nullptr);
  const auto least = failures_ < kFailuresToGiveUp ? kLeastAge : kAgeUnasked;
  const MonoTime now = std::chrono::steady_clock::now();
  pace_.begin(now);
  ages_ = now - aged_ >= least;
  if (ages_) assembler_.ended.begin_look();
  met_ = 0;
  dump_.start(*this, 0, std::chrono::milliseconds(0));
}

void DyingList::on_entry(Bytes message, const Written& written) {
  if (ends_ != nullptr) {
    ends_->on_undelivered_end(message, written.latest);
    return;
  }
  if (decode(message, flow_) != DecodeResult::kEntry) return;
  ++met_;
  const ConnectionIdentity identity(flow_);
  assembler_.ended.keep(identity.end_key);
  assembler_.reported.keep(identity);
}

void DyingList::on_dump_end(bool complete) {
  if (ends_ != nullptr) {
    ends_complete_ = complete;
    return;
  }
  failures_ = complete || met_ > 0 ? 0 : failures_ + 1;
  if (failures_ == kFailuresToGiveUp) {
    log::warn(
        "dying_list_unreadable impact=\"an end that the kernel sends again after more than a "
        "minute is exported again\" fix=\"see table_dump_failed error=\"");
  }
  const bool unasked = failures_ >= kFailuresToGiveUp;
  const bool proven = (complete || unasked) && listener_.catch_up();
  assembler_.repeats_expected = met_ > 0 || !proven;
  const MonoTime now = std::chrono::steady_clock::now();
  pace_.end(now);
  if (ages_) {
    assembler_.ended.end_look(proven);
    if (proven) aged_ = now;
  }
  assembler_.counters.repeats_unknown = assembler_.ended.forgotten();
  if (const auto seen = std::exchange(seen_, nullptr)) seen(proven);
  if (next_ && !dump_.running()) begin();
}

void DyingList::stop() {
  timer_.cancel();
  dump_.cancel();
  seen_ = next_ = nullptr;
}

bool DyingList::read_ends(EventReader& events) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    // Room for what ends from now on, and for what the kernel takes off the list meanwhile.
    const bool caught_up = listener_.catch_up();
    if (read_rest(events) && caught_up) return true;
  }
  return false;
}

bool DyingList::read_rest(EventReader& events) {
  assembler_.repeats_expected = true;  // what is on the list may be delivered as well
  assembler_.watch_clock();
  ends_ = &events;
  ends_complete_ = false;
  dump_.run(*this);
  ends_ = nullptr;
  events.on_batch_end();
  return ends_complete_;
}

}  // namespace ctflow
