// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/trends.hpp"

#include <algorithm>

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kRemembered{WindowedRates::kWindows.back()};
/// An output fills when what it keeps waits: a message that is on its way is no trend.
constexpr std::chrono::seconds kWaits{10};

std::uint64_t events_of(const SourceCounters& source) {
  return source.ended + source.reports + source.created;
}

std::uint64_t kept_by(const OutputStatus& output) {
  return output.backlog ? output.backlog->memory + output.backlog->disk : 0;
}

/// Outputs of one name may be in several namespaces.
std::string key_of(const NamespaceStatus& home, const OutputStatus& output) {
  return home.name + ' ' + output.name;
}

template <typename Samples>
void add(Samples& samples, MonoTime now, std::uint64_t value) {
  samples.push_back({now, value});
  while (samples.size() > 2 && now - samples[1].time >= kRemembered) samples.pop_front();
}

/// What was opened again, or replaced by a reload, begins at zero.
template <typename Samples>
void add_count(Samples& samples, MonoTime now, std::uint64_t value) {
  if (!samples.empty() && value < samples.back().value) samples.clear();
  add(samples, now, value);
}

/// Growth a second, below zero where it shrinks.
template <typename Samples>
double growth(const Samples& samples, std::chrono::milliseconds window) {
  if (samples.size() < 2) return 0;
  // The latest sample that is old enough; the timer may be a little late.
  constexpr std::chrono::milliseconds kLate{100};
  const auto& last = samples.back();
  std::size_t from = samples.size() - 1;
  while (from > 0 && last.time - samples[from].time < window - kLate) --from;
  const std::chrono::duration<double> lasted = last.time - samples[from].time;
  if (lasted.count() <= 0) return 0;
  return (static_cast<double>(last.value) - static_cast<double>(samples[from].value)) /
         lasted.count();
}

template <typename All>
WindowedRates rates_of(const All& all, const std::string& key) {
  WindowedRates result;
  const auto found = all.find(key);
  if (found == all.end()) return result;
  for (std::size_t i = 0; i < WindowedRates::kWindows.size(); ++i) {
    result.per_second[i] = growth(found->second, std::chrono::seconds(WindowedRates::kWindows[i]));
  }
  return result;
}

}  // namespace

void Trends::watch(const std::string& key, std::uint64_t value, MonoTime now) {
  Growth& growth = growths_[key];
  // A collector that a reload replaced begins at zero.
  const std::uint64_t before = value < growth.value ? 0 : growth.value;
  if (value > before) {
    growth.grown = now;
    growth.wall = wall_;
  }
  growth.value = value;
}

void Trends::watch_output(const std::string& key, const OutputStatus& output, MonoTime now) {
  if (const auto* const collector = std::get_if<CollectorStatus>(&output.details)) {
    watch("refusal " + key, collector->refusals, now);
  }
  watch("loss " + key, output.counters.lost(), now);
  watch("message " + key, output.counters.messages, now);
  add_count(counts_["records " + key], now, output.counters.records);
  if (output.backlog) add(kept_[key], now, kept_by(output));
}

void Trends::sample(const Status& status, MonoTime now) {
  wall_ = status.now;
  for (const NamespaceStatus& one : status.namespaces) {
    watch("overrun " + one.name, one.source.lost_overrun + one.source.lost_ends, now);
    watch("no_counters " + one.name, one.pipeline.lost_no_counters, now);
    watch("fall " + one.name, one.source.counters_fell, now);
    for (const OutputStatus& output : one.outputs) watch_output(key_of(one, output), output, now);
    add_count(counts_["events " + one.name], now, events_of(one.source));
  }
}

Ago Trends::since(const std::string& key, MonoTime now) const {
  const auto found = growths_.find(key);
  if (found == growths_.end() || found->second.grown == MonoTime{}) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(now - found->second.grown);
}

SpoolRoom Trends::room_of(const std::string& key, const OutputStatus& output) const {
  const Backlog& backlog = *output.backlog;
  const bool disk = backlog.disk_limit > 0 && backlog.trouble.empty();
  const std::uint64_t limit = disk ? backlog.disk_limit : backlog.memory_limit;
  SpoolRoom room;
  room.octets = limit - std::min(limit, disk ? backlog.disk : backlog.memory);
  const ExporterCounters& counters = output.counters;
  const bool waits = counters.waiting.flows > 0;
  const std::uint64_t flows = waits ? counters.waiting.flows : counters.flows;
  const std::uint64_t octets = waits ? kept_by(output) : counters.message_octets;
  if (flows > 0 && octets > 0) {
    room.flows =
        static_cast<std::uint64_t>(static_cast<double>(room.octets) * static_cast<double>(flows) /
                                   static_cast<double>(octets));
  }
  const auto samples = kept_.find(key);
  if (samples == kept_.end() || !output.oldest_waiting || *output.oldest_waiting < kWaits) {
    return room;
  }
  const double a_second = growth(samples->second, kRemembered);
  constexpr double kYear = 365.0 * 24 * 3600;  // longer is no forecast
  const double lasts = a_second > 0 ? static_cast<double>(room.octets) / a_second : kYear;
  if (lasts < kYear) room.lasts = std::chrono::seconds(static_cast<std::int64_t>(lasts));
  return room;
}

void Trends::complete_output(const std::string& key, OutputStatus& output, MonoTime now) const {
  if (auto* const collector = std::get_if<CollectorStatus>(&output.details)) {
    collector->last_refusal = since("refusal " + key, now);
  }
  output.last_loss = since("loss " + key, now);
  output.last_message = since("message " + key, now);
  if (output.last_message) output.last_message_time = growths_.at("message " + key).wall;
  output.records = rates_of(counts_, "records " + key);
  if (output.backlog) output.room = room_of(key, output);
}

void Trends::complete(Status& status, MonoTime now) const {
  for (NamespaceStatus& one : status.namespaces) {
    one.rates = rates_of(counts_, "events " + one.name);
    one.last_overrun = since("overrun " + one.name, now);
    one.last_no_counters = since("no_counters " + one.name, now);
    one.last_fall = since("fall " + one.name, now);
    for (OutputStatus& output : one.outputs) complete_output(key_of(one, output), output, now);
  }
}

}  // namespace ctflow
