// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/retired_outputs.hpp"

#include <algorithm>
#include <utility>

#include "daemon/totals.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::chrono::milliseconds kRetiredPoll{20};

/// Status and metrics do not have it any more.
void log_losses(const OutputStatus& output, const ExporterCounters& before) {
  const ExporterCounters& after = output.counters;
  if (after.lost_messages == before.lost_messages) return;
  log::warn(
      "reload_lost {}={} flows={} packets={} octets={} impact=\"they waited for it when it was "
      "removed or changed, and are in no counter of status and metrics\" fix=\"reload when it can "
      "be reached, or give it spool.directory, which keeps them: collectors and logs over sockets "
      "have that\"",
      log_key(output.details), output.name, after.lost() - before.lost(),
      after.lost_packets - before.lost_packets, after.lost_octets - before.lost_octets);
}

}  // namespace

void RetiredOutputs::add(std::unique_ptr<Output> output) {
  output->flush_at_end();
  const ExporterCounters counters = output->status(system_now()).counters;
  Retired one{std::move(output), std::chrono::steady_clock::now() + kPatience, counters};
  if (!busy_one(one)) {
    end(one);
    return;
  }
  retired_.push_back(std::move(one));
  watch();
}

bool RetiredOutputs::busy() const {
  return std::any_of(retired_.begin(), retired_.end(), busy_one);
}

void RetiredOutputs::end(const Retired& one) {
  one.output->stop();
  const OutputStatus status = one.output->status(system_now());
  log_losses(status, one.counters);
  log_output_totals(status);
}

void RetiredOutputs::finish() {
  timer_.cancel();
  for (const Retired& one : retired_) end(one);
  retired_.clear();
}

void RetiredOutputs::watch() {
  timer_.after(kRetiredPoll, [this] {
    const auto now = std::chrono::steady_clock::now();
    const auto over = std::stable_partition(
        retired_.begin(), retired_.end(),
        [&](const Retired& one) { return busy_one(one) && now < one.latest; });
    std::for_each(over, retired_.end(), end);
    retired_.erase(over, retired_.end());
    if (!retired_.empty()) watch();
  });
}

}  // namespace ctflow
