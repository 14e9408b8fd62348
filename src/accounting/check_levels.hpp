// SPDX-License-Identifier: GPL-2.0-or-later
// Whether accounting's database agrees with itself.
#pragma once

#include <string>
#include <vector>

#include "sqlite/sqlite.hpp"

namespace ctflow::accounting {

/// What is wrong with the database, a line each: SQLite's own check, and intervals whose sums are
/// not those of the shorter intervals in them, where those are kept. Throws SqliteError.
std::vector<std::string> check_database(const Database& database);

}  // namespace ctflow::accounting
