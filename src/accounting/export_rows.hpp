// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of accounting's database as CSV, for programs.
#pragma once

#include <iosfwd>
#include <map>
#include <string>

#include "sqlite/sqlite.hpp"

namespace ctflow::accounting {

/// The view of each level, by the level's name.
const std::map<std::string, std::string>& level_views();

/// A field of CSV (RFC 4180), with quotes where it needs them. One that a spreadsheet would take
/// for a formula has an apostrophe in front.
std::string field_text(const std::string& given);

/// All rows of a view as CSV (RFC 4180), with a heading. Throws SqliteError.
void export_rows(const Database& database, const std::string& view, std::ostream& out);

}  // namespace ctflow::accounting
