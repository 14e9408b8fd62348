// SPDX-License-Identifier: GPL-2.0-or-later
// The settings that say which flow reports one output gets.
#pragma once

#include <optional>
#include <vector>

#include "config/schema.hpp"
#include "ctflow/connection_match.hpp"

namespace ctflow::config {

Section<FilterRule> filter_rule();

/// What is wrong with the rules of a filter together; at its key, `filter`.
std::optional<Complaint> check_filter(const std::vector<FilterRule>& rules);

}  // namespace ctflow::config
