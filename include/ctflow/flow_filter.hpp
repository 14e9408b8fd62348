// SPDX-License-Identifier: GPL-2.0-or-later
// What decides which flow reports go to one output. src/filter implements it.
#pragma once

#include <string>
#include <vector>

#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// What one rule of a filter left out.
struct FilteredByRule {
  std::string rule;  ///< its name or number; kUnmatched, kEarlier
  FilteredAmount amount{};

  /// What no rule matched.
  static constexpr const char* kUnmatched = "unmatched";
  /// What was left out by rules that a reload has removed.
  static constexpr const char* kEarlier = "earlier";
};

class FlowFilter {
 public:
  FlowFilter() = default;
  virtual ~FlowFilter() = default;

  FlowFilter(const FlowFilter&) = delete;
  FlowFilter& operator=(const FlowFilter&) = delete;
  FlowFilter(FlowFilter&&) = delete;
  FlowFilter& operator=(FlowFilter&&) = delete;

  /// Null: it passes. Else the place in which to count what the deciding rule left out, valid until
  /// the next call. Never allocates.
  [[nodiscard]] virtual FilteredAmount* leaves_out(const Flow& flow) = 0;

  /// Of every rule that leaves out, in their order.
  [[nodiscard]] virtual std::vector<FilteredByRule> filtered() const = 0;

  /// Goes on with the counts of the filter before this one.
  virtual void continue_from(const std::vector<FilteredByRule>& counts) = 0;
};

}  // namespace ctflow
