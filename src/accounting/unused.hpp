// SPDX-License-Identifier: GPL-2.0-or-later
// Times in which an aggregate was not in the settings, so that it has no rows and reports say so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accounting/amounts.hpp"
#include "sqlite/sqlite.hpp"

namespace ctflow::accounting {

/// How a report calls the reason of such a gap.
inline constexpr const char* kNotCounted = "not_counted";

/// `reason` in the table gap, of one aggregate: the same and its id.
std::string not_counted_reason(std::int64_t aggregate);

/// Settings with these aggregates begin to count in this minute.
void note_used(const Database& database, const std::vector<std::int64_t>& aggregates, Minute now);

/// Since when it is not in the settings.
std::optional<Minute> unused_since(const Database& database, std::int64_t aggregate);

}  // namespace ctflow::accounting
