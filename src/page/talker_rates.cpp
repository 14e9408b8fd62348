// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/talker_rates.hpp"

#include <algorithm>

#include "text/sum_name.hpp"

namespace ctflow::page {

TalkerRates::Counts TalkerRates::internet_of(const Usage& usage) {
  Counts counts;
  for (const UsageSeries& one : usage.series) {
    if (one.direction != "in" && one.direction != "out") continue;
    Count& count = counts[one.key];
    count.name = text::device_label(one.name, one.key);
    count.down_octets += one.down_octets;
    count.up_octets += one.up_octets;
  }
  return counts;
}

bool TalkerRates::fell(const Counts& before, const Counts& after) {
  return std::any_of(before.begin(), before.end(), [&](const auto& one) {
    const auto now = after.find(one.first);
    return now == after.end() || now->second.down_octets < one.second.down_octets ||
           now->second.up_octets < one.second.up_octets;
  });
}

void TalkerRates::add(const NamespaceUsage& counted, MonoTime now) {
  constexpr std::chrono::milliseconds kShortest{8000};  // of rates
  constexpr int kSamples = 8;
  constexpr std::chrono::milliseconds kEarly{500};
  name_ = counted.name;
  reported_every_ = counted.reported_every;
  if (!counted.usage) return samples_.clear();
  const std::chrono::milliseconds window = std::max(kShortest, reported_every_);
  const std::string by = word_of(counted.usage->by);
  Sample sample{now, internet_of(*counted.usage)};
  const bool other = by != by_ || samples_.empty() || now - samples_.back().at > 4 * window ||
                     fell(samples_.back().counts, sample.counts);
  by_ = by;
  if (other) samples_.clear();
  // The first rates come soon; two at a time from one browser are one.
  const std::chrono::milliseconds apart =
      samples_.size() < 2 ? std::chrono::milliseconds(1000) : window / kSamples;
  if (!samples_.empty() && now - samples_.back().at < apart) return;
  samples_.push_back(std::move(sample));
  while (samples_.size() > 2 && samples_.back().at - samples_[1].at >= window - kEarly) {
    samples_.pop_front();
  }
}

Talkers TalkerRates::talkers(std::size_t top) const {
  constexpr double kBits = 8;
  Talkers result;
  result.network_namespace = name_;
  result.by = by_;
  result.reported_every = std::chrono::duration<double>(reported_every_).count();
  if (samples_.size() < 2) return result;
  const Sample& before = samples_.front();
  const Sample& after = samples_.back();
  result.seconds = std::chrono::duration<double>(after.at - before.at).count();
  for (const auto& [key, now] : after.counts) {
    const auto found = before.counts.find(key);
    const Count then = found == before.counts.end() ? Count{} : found->second;
    const auto rate = [&](std::uint64_t late, std::uint64_t early) {
      return static_cast<double>(late - early) * kBits / result.seconds;
    };
    Talker talker{now.name, rate(now.down_octets, then.down_octets),
                  rate(now.up_octets, then.up_octets)};
    if (talker.down + talker.up <= 0) continue;
    result.total.down += talker.down;
    result.total.up += talker.up;
    result.rows.push_back(std::move(talker));
  }
  std::stable_sort(result.rows.begin(), result.rows.end(),
                   [](const Talker& one, const Talker& other) {
                     return one.down + one.up > other.down + other.up;
                   });
  if (result.rows.size() > top) {
    result.others = result.rows.size() - top;
    result.rows.resize(top);
  }
  return result;
}

}  // namespace ctflow::page
