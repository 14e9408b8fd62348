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
void log_losses(const OutputStatus& output) {
  const ExportAmount& lost = output.counters.lost_stopped;
  if (lost.messages == 0) return;
  log::warn(
      "reload_lost {}={} flows={} packets={} octets={} impact=\"they waited for it when it was "
      "removed or changed, and are in no counter of status and metrics\" fix=\"give it "
      "spool.directory, which keeps them, or reload when it can be reached\"",
      log_key(output.details), output.name, lost.flows, lost.packets, lost.octets);
}

}  // namespace

void RetiredOutputs::add(std::unique_ptr<Output> output) {
  output->flush();
  Retired one{std::move(output), std::chrono::steady_clock::now() + kPatience};
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
  log_losses(status);
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
