// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/retired_outputs.hpp"

#include <algorithm>
#include <utility>

#include "daemon/totals.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::chrono::milliseconds kRetiredPoll{20};

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
  log_output_totals(one.output->status(system_now()));
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
