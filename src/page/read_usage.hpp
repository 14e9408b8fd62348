// SPDX-License-Identifier: GPL-2.0-or-later
// What accounting's database has for the page. Reads a disk: not for the event loop.
#pragma once

#include <chrono>
#include <string>

#include "ctflow/accounting_config.hpp"
#include "page/values.hpp"

namespace ctflow::page {

/// Rows of a table, at most.
inline constexpr std::size_t kTopRows = 10;

/// Today, the period and the last 24 hours, by the same questions as `ctflowd report`. Does not
/// throw: `error` says what is wrong.
UsageValues read_usage(const AccountingConfig& config, const std::string& network_namespace,
                       std::chrono::system_clock::time_point now);

}  // namespace ctflow::page
