// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/trends.hpp"

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kRemembered{EventRates::kWindows.back()};

std::uint64_t events_of(const SourceCounters& source) {
  return source.ended + source.reports + source.created;
}

}  // namespace

void Trends::watch(const std::string& key, std::uint64_t value, MonoTime now) {
  Growth& growth = growths_[key];
  // A collector that a reload replaced begins at zero.
  const std::uint64_t before = value < growth.value ? 0 : growth.value;
  if (value > before) growth.grown = now;
  growth.value = value;
}

void Trends::sample(const Status& status, MonoTime now) {
  for (const NamespaceStatus& one : status.namespaces) {
    watch("overrun " + one.name, one.source.lost_overrun + one.source.lost_ends, now);
    watch("no_counters " + one.name, one.pipeline.lost_no_counters, now);
    watch("fall " + one.name, one.source.counters_fell, now);
    for (const OutputStatus& output : one.outputs) {
      if (output.collector) watch("refusal " + output.name, output.collector->refusals, now);
      watch("loss " + output.name, output.counters.lost(), now);
    }
    std::deque<Sample>& samples = events_[one.name];
    const std::uint64_t events = events_of(one.source);
    // A namespace that was opened again begins at zero.
    if (!samples.empty() && events < samples.back().events) samples.clear();
    samples.push_back({now, events});
    while (samples.size() > 2 && now - samples[1].time >= kRemembered) samples.pop_front();
  }
}

Ago Trends::since(const std::string& key, MonoTime now) const {
  const auto found = growths_.find(key);
  if (found == growths_.end() || found->second.grown == MonoTime{}) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(now - found->second.grown);
}

EventRates Trends::rates(const std::string& key) const {
  EventRates result;
  const auto found = events_.find(key);
  if (found == events_.end() || found->second.size() < 2) return result;
  const std::deque<Sample>& samples = found->second;
  const Sample& last = samples.back();
  for (std::size_t i = 0; i < EventRates::kWindows.size(); ++i) {
    // The latest sample that is old enough; the timer may be a little late.
    const auto window = std::chrono::milliseconds(EventRates::kWindows[i] * 1000 - 100);
    std::size_t from = samples.size() - 1;
    while (from > 0 && last.time - samples[from].time < window) --from;
    const std::chrono::duration<double> lasted = last.time - samples[from].time;
    if (lasted.count() > 0) {
      result.per_second[i] =
          static_cast<double>(last.events - samples[from].events) / lasted.count();
    }
  }
  return result;
}

void Trends::complete(Status& status, MonoTime now) const {
  for (NamespaceStatus& one : status.namespaces) {
    one.rates = rates(one.name);
    one.last_overrun = since("overrun " + one.name, now);
    one.last_no_counters = since("no_counters " + one.name, now);
    one.last_fall = since("fall " + one.name, now);
    for (OutputStatus& output : one.outputs) {
      if (output.collector) output.collector->last_refusal = since("refusal " + output.name, now);
      output.last_loss = since("loss " + output.name, now);
    }
  }
}

}  // namespace ctflow
