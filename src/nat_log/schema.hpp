// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of a day's file. docs/nat-log.md explains them to those who write queries.
#pragma once

#include <string>

namespace ctflow::nat {

/// `PRAGMA user_version` of the files that this program writes and reads: of those in which every
/// translation has a row …
inline constexpr int kSchemaVersion = 1;
/// … and of those that also have the static maps, whose followers have none. A program that does
/// not know of maps must not read them.
inline constexpr int kSchemaWithMaps = 2;

/// Statements that make tables, index and view in an empty file.
std::string schema();

/// Those that make it one with maps.
std::string maps_schema();

}  // namespace ctflow::nat
