// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of the database; ctflowd-accounting(5) describes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sqlite/sqlite.hpp"

namespace ctflow::accounting {

inline constexpr int kSchemaVersion = 4;

/// What a row is of.
enum class KeyKind : std::uint8_t {
  kKey,
  kOther,      ///< keys that found no room: max_keys
  kUncounted,  ///< counted by a process that ended before it could write it: no key is known
};

/// Makes the directory of the file where that can be done; who opens the file says why it cannot.
void make_directory_for(const std::string& file);

/// Opens the file for writing, and makes the tables, or brings those of an earlier version up to
/// date. Throws SqliteError, or std::runtime_error
/// where the file is that of a later version.
Database open_for_writing(const std::string& file);

/// Opens it for reading. Throws the same.
Database open_for_reading(const std::string& file);

/// A value of the table meta; nothing: it has none of that name.
std::optional<std::int64_t> meta_value(const Database& database, const std::string& name);

}  // namespace ctflow::accounting
