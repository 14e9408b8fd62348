// SPDX-License-Identifier: GPL-2.0-or-later
// The columns of the table of connections, and a flow report as a row of it in the text format of
// COPY. They are the fields of a line of the connection log, by the same names with underscores;
// a test compares both.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "connection_log/line.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"

namespace ctflow::postgresql {

/// What the values of a row are made of.
struct RowSource;

struct Column {
  const char* name;
  const char* type;  ///< as in CREATE TABLE
  void (*append)(std::string& to, const RowSource& source);
};

/// In the order of the table and of COPY.
std::span<const Column> columns();

/// Appends the row with its line feed, at most kLongestLine octets.
void append_row(std::string& to, const Flow& flow, const LineContext& context);

/// What a row of append_row() counts, as one of a message. `row`: with or without its line feed.
ExportAmount amount_of_row(std::string_view row);

}  // namespace ctflow::postgresql
