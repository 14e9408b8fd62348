// SPDX-License-Identifier: GPL-2.0-or-later
// Metrics of Prometheus as they are gathered.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ctflow {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline Labels with(Labels labels, const char* name, std::string value) {
  labels.push_back({name, std::move(value)});
  return labels;
}

/// Families by name, in the order in which they were first named.
class Families {
 public:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help,
                                prometheus::MetricType type, Labels labels) {
    const auto [place, is_new] = index_.emplace(name, families_.size());
    if (is_new) families_.push_back({name, help, type, {}});
    prometheus::ClientMetric& metric = families_[place->second].metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  template <typename Number>
  void counter(const std::string& name, const std::string& help, Number value, Labels labels) {
    add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value =
        static_cast<double>(value);
  }
  template <typename Number>
  void gauge(const std::string& name, const std::string& help, Number value, Labels labels) {
    add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value =
        static_cast<double>(value);
  }

  [[nodiscard]] const std::vector<prometheus::MetricFamily>& all() const { return families_; }

 private:
  std::vector<prometheus::MetricFamily> families_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace ctflow
