// SPDX-License-Identifier: GPL-2.0-or-later
// What the holes of the files say together.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nat_log/day_file.hpp"

namespace ctflow::nat {

/// The same hole is in the files of all days that it touches. Sorts them.
void remove_copies(std::vector<Hole>& holes);

/// Of all of this time, or moment, the log is known to be incomplete.
bool cover(std::vector<Hole> holes, Moment from, Moment to);

/// It is known which connections had ended in a hole once the log was written without another one
/// for kLateEnds behind it: the end of the hole of which that is so, from the one on that ended at
/// `last`. Nothing: of none yet. `written`: the end of the log. `holes_in`: those that touch a
/// time.
std::optional<Moment> settled_after(
    Moment last, std::optional<Moment> written,
    const std::function<std::vector<Hole>(Moment from, Moment to)>& holes_in);

}  // namespace ctflow::nat
