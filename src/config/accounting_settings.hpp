// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of accounting.
#pragma once

#include "config/schema.hpp"
#include "ctflow/accounting_config.hpp"

namespace ctflow::config {

/// A day of the month, or FIRST-DAY/DAYS.
ValueFormat<PeriodConfig> period();

/// A name of the zone database that is known here, or a rule as of POSIX's TZ.
ValueFormat<std::string> time_zone();

Section<AccountingConfig> accounting_settings();

}  // namespace ctflow::config
