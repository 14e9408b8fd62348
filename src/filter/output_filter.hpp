// SPDX-License-Identifier: GPL-2.0-or-later
// The filter of one output: its rules, made ready for many flow reports.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/flow_filter.hpp"
#include "ctflow/output.hpp"
#include "filter/connection_condition.hpp"

namespace ctflow {

class OutputFilter final : public FlowFilter {
 public:
  /// `context`: of the namespace that the flow reports are of; rules name its interfaces.
  OutputFilter(const std::vector<FilterRule>& rules, std::shared_ptr<const OutputContext> context);

  [[nodiscard]] FilteredAmount* leaves_out(const Flow& flow) override;
  [[nodiscard]] std::vector<FilteredByRule> filtered() const override;
  void continue_from(const std::vector<FilteredByRule>& counts) override;

 private:
  struct Rule {
    Rule(const FilterRule& rule, std::size_t place);

    ConnectionCondition connection;
    FilterRule rule;
    std::vector<AddressPrefix> post_nat_networks;
    std::vector<AddressPrefix> post_nat_sources;
    std::vector<AddressPrefix> post_nat_destinations;
    FilteredByRule counts;  ///< of a rule that excludes
  };

  [[nodiscard]] bool matches(const Rule& rule, const Flow& flow) const;
  [[nodiscard]] bool interfaces_match(const FilterRule& rule, const Flow& flow) const;
  /// Whether a list that may be empty names `index`.
  [[nodiscard]] bool is_one_of(const std::vector<InterfaceMatch>& interfaces,
                               std::uint32_t index) const;
  [[nodiscard]] FilteredByRule* find(const std::string& name);

  std::shared_ptr<const OutputContext> context_;
  std::vector<Rule> rules_;
  bool includes_ = false;  ///< some rule does: what none matches is left out
  FilteredByRule unmatched_{FilteredByRule::kUnmatched};
  FilteredByRule earlier_{FilteredByRule::kEarlier};
};

}  // namespace ctflow
