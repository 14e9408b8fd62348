// SPDX-License-Identifier: GPL-2.0-or-later
// Metrics of the tables of counter_names.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "observe/metric_families.hpp"

namespace ctflow {

inline double epoch_seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// Prometheus wants base units with one name: a counter of octets is a metric of bytes.
inline std::string in_bytes(std::string_view name) {
  constexpr std::string_view kOctets = "octets";
  std::string metric(name);
  if (name.ends_with(kOctets)) {
    metric.replace(name.size() - kOctets.size(), kOctets.size(), "bytes");
  }
  return metric;
}

/// Counters whose name begins like one of these are one family with a label: the rest of the name.
struct Split {
  std::string_view prefix;
  std::string family;
  const char* help;
  const char* label;
  std::vector<std::string_view> except{};  ///< names that begin like it and do not belong to it
  std::string_view also{};  ///< a name that belongs to it and is the label as a whole
};

inline bool applies(const Split& split, std::string_view name) {
  if (name == split.also) return true;
  return name.starts_with(split.prefix) &&
         std::find(split.except.begin(), split.except.end(), name) == split.except.end();
}

inline std::string label_of(const Split& split, std::string_view name) {
  return std::string(name == split.also ? name : name.substr(split.prefix.size()));
}

template <typename Counters, typename Table>
void add_counters(Families& families, const std::string& prefix, const Counters& counters,
                  const Table& table, const std::vector<Split>& splits, const Labels& labels) {
  for (const auto& one : table) {
    const std::string_view name = one.name;
    const auto split = std::find_if(splits.begin(), splits.end(), [name](const Split& candidate) {
      return applies(candidate, name);
    });
    if (split != splits.end()) {
      families.counter(split->family, split->help, counters.*one.member,
                       with(labels, split->label, label_of(*split, name)));
    } else {
      families.counter(prefix + in_bytes(name) + "_total", one.help, counters.*one.member, labels);
    }
  }
}

}  // namespace ctflow
