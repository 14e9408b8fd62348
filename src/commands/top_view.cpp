// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "text/escape.hpp"
#include "text/people_text.hpp"
#include "text/sum_name.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::json;

constexpr int kNameWidth = 40;

bool wanted(const std::string& direction, const std::string& asked) {
  if (asked == "all") return true;
  if (asked == "internet") return direction == "in" || direction == "out";
  return direction == asked;
}

struct Rate {
  std::string name{};
  double down = 0;  ///< bits a second
  double up = 0;
  double connections = 0;  ///< a second

  Rate& operator+=(const Rate& other) {
    down += other.down;
    up += other.up;
    connections += other.connections;
    return *this;
  }
};

std::string row_of(const Rate& rate) {
  return fmt::format("{:<{}} {:>12} {:>12} {:>11.1f}\n", rate.name, kNameWidth,
                     text::rate_text(rate.down), text::rate_text(rate.up), rate.connections);
}

bool fell(const TopSample& before, const TopSample& after) {
  return std::any_of(before.counts.begin(), before.counts.end(), [&](const auto& one) {
    const auto now = after.counts.find(one.first);
    return now == after.counts.end() || now->second.down_octets < one.second.down_octets ||
           now->second.up_octets < one.second.up_octets;
  });
}

/// The greatest first.
std::vector<Rate> rates_between(const TopSample& before, const TopSample& after) {
  constexpr double kBits = 8;
  const double time = after.seconds - before.seconds;
  std::vector<Rate> rates;
  for (const auto& [key, now] : after.counts) {
    const auto found = before.counts.find(key);
    const TopCount none;
    const TopCount& then = found == before.counts.end() ? none : found->second;
    const auto per_second = [&](std::uint64_t one, std::uint64_t other) {
      return static_cast<double>(one - other) / time;
    };
    Rate rate{text::printable(now.name), per_second(now.down_octets, then.down_octets) * kBits,
              per_second(now.up_octets, then.up_octets) * kBits,
              per_second(now.connections, then.connections)};
    if (rate.down + rate.up > 0) rates.push_back(std::move(rate));
  }
  std::stable_sort(rates.begin(), rates.end(), [](const Rate& one, const Rate& other) {
    return one.down + one.up > other.down + other.up;
  });
  return rates;
}

std::string not_counted(const std::string& by) {
  if (by.empty()) return "ctflowd does not count: accounting is off (accounting.aggregates)";
  return fmt::format(
      "ctflowd does not count by {0}: accounting is off, or no aggregate has the key {0} "
      "(accounting.aggregates)",
      by);
}

TopSample sample_of(const Json& answer, const TopQuestion& question) {
  TopSample sample;
  sample.seconds = answer.at("seconds").get<double>();
  for (const Json& one : answer.at("namespaces")) {
    if (one.at("name") != question.network_namespace) continue;
    if (one.at("by").is_null()) {
      throw std::runtime_error(not_counted(question.by));
    }
    sample.by = one.at("by").get<std::string>();
    sample.reported_every = one.at("reported_every_seconds").get<double>();
    for (const Json& series : one.at("series")) {
      if (!wanted(series.at("direction").get<std::string>(), question.direction)) continue;
      const std::string key = series.at("key").get<std::string>();
      TopCount& count = sample.counts[key];
      count.name = text::device_label(series.at("name").get<std::string>(), key);
      count.down_octets += series.at("down_octets").get<std::uint64_t>();
      count.up_octets += series.at("up_octets").get<std::uint64_t>();
      count.connections += series.at("connections").get<std::uint64_t>();
    }
    return sample;
  }
  throw std::runtime_error("ctflowd has no such network namespace open: " +
                           text::quoted(question.network_namespace));
}

}  // namespace

bool is_top_direction(const std::string& text) {
  constexpr std::array<const char*, 7> kKnown{"internet", "all",     "in",  "out",
                                              "local",    "through", "self"};
  return std::find(kKnown.begin(), kKnown.end(), text) != kKnown.end();
}

TopSample read_top(const std::string& json, const TopQuestion& question) {
  try {
    return sample_of(Json::parse(json), question);
  } catch (const Json::exception& error) {
    throw std::runtime_error(std::string("this is not the answer of a ctflowd: ") + error.what());
  }
}

void TopRates::add(TopSample sample, std::chrono::seconds interval) {
  if (!samples_.empty() && fell(samples_.back(), sample)) samples_.clear();
  if (!samples_.empty() && sample.seconds <= samples_.back().seconds) return;
  const double window = std::max(static_cast<double>(interval.count()), sample.reported_every);
  samples_.push_back(std::move(sample));
  constexpr double kTolerance = 0.5;
  while (samples_.size() > 2 &&
         samples_.back().seconds - samples_[1].seconds >= window - kTolerance) {
    samples_.pop_front();
  }
}

std::string TopRates::text(std::size_t top, const std::string& scope) const {
  const TopSample& before = samples_.front();
  const TopSample& after = samples_.back();
  const double time = after.seconds - before.seconds;
  std::string out = fmt::format("Rates of the last {:.0f} s, by {}, {}\n", time, after.by, scope);
  out +=
      fmt::format("{:<{}} {:>12} {:>12} {:>11}\n", after.by, kNameWidth, "down", "up", "conns/s");
  const std::vector<Rate> rates = rates_between(before, after);
  Rate total;
  Rate rest;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    total += rates[i];
    if (i < top) {
      out += row_of(rates[i]);
    } else {
      rest += rates[i];
    }
  }
  if (rates.size() > top) {
    rest.name = fmt::format("other ({})", rates.size() - top);
    out += row_of(rest);
  }
  total.name = "total";
  out += row_of(total);
  constexpr double kTolerance = 0.5;
  if (after.reported_every == 0) {
    out += "Connections are counted when they end: set source.active_timeout\n";
  } else if (time < after.reported_every - kTolerance) {
    out += fmt::format(
        "Connections that go on are counted every {:.0f} s: not all are in these "
        "{:.0f} s\n",
        after.reported_every, time);
  }
  return out;
}

}  // namespace ctflow
