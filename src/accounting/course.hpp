// SPDX-License-Identifier: GPL-2.0-or-later
// How the traffic of an aggregate went, hour by hour.
#pragma once

#include <vector>

#include "accounting/report.hpp"

namespace ctflow::accounting {

struct HourAmounts {
  Interval hour{};
  Amounts amounts{};
};

/// Each hour that has a part of the time of `report`, the first one first, with what was counted in
/// all of it. In and out only. An hour without rows has none either. Throws SqliteError.
std::vector<HourAmounts> course_of(const Database& database, const Report& report,
                                   const Calendar& calendar);

/// Whether one of the report's gaps has a part of the hour.
bool has_gap(const Report& report, const Interval& hour);

}  // namespace ctflow::accounting
