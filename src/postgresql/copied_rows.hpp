// SPDX-License-Identifier: GPL-2.0-or-later
// What a server says that it has stored of the rows of a COPY.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ctflow/counters.hpp"
#include "ctflow/encoder.hpp"
#include "postgresql/row_queue.hpp"

namespace ctflow::postgresql {

/// Of "COPY 12". Nothing: it says no number.
std::optional<std::uint64_t> copied_rows(const std::string& tag);

/// What rows that came together count, where `stored` of them were: the first are taken for these.
struct Divided {
  MessageContent stored;
  ExportAmount lost;  ///< without a message, if some are stored
};
Divided divided(const Rows& rows, std::uint64_t stored);

}  // namespace ctflow::postgresql
