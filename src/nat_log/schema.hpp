// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of a day's file. docs/nat-log.md explains them to those who write queries.
#pragma once

#include <string>

namespace ctflow::nat {

/// `PRAGMA user_version` of the files that this program writes and reads.
inline constexpr int kSchemaVersion = 1;

/// Statements that make tables, index and view in an empty file.
std::string schema();

}  // namespace ctflow::nat
