// SPDX-License-Identifier: GPL-2.0-or-later
// Findings about how full a table is, by the same rules for `ctflowd doctor` and `ctflowd status`.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <optional>

#include "findings/finding.hpp"
#include "text/people_text.hpp"

namespace ctflow {

/// Nine tenths, rounded down; never of something without a limit.
constexpr bool nearly_full(std::uint64_t used, std::uint64_t limit) {
  return limit > 0 && used >= limit / 10 * 9;
}

/// The kernel's connection table. `limit` 0: not known.
inline std::optional<Finding> table_nearly_full(std::size_t entries, std::size_t limit) {
  if (!nearly_full(entries, limit)) return std::nullopt;
  return Finding{
      "table_nearly_full",
      fmt::format("{} of {} entries of the connection table are in use: the kernel evicts "
                  "connections early, which splits flows, then refuses new ones",
                  text::count_text(entries), text::count_text(limit)),
      fmt::format("sysctl -w net.netfilter.nf_conntrack_max={}", limit * 2)};
}

}  // namespace ctflow
