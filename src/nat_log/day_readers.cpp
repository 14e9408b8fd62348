// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day_readers.hpp"

#include <algorithm>

namespace ctflow::nat {

bool DayReaders::has(Day day) const { return std::binary_search(days_.begin(), days_.end(), day); }

DayReader* DayReaders::find(Day day) {
  if (!has(day)) return nullptr;
  DayReader& file = kept_.count(day) > 0 ? open_.try_emplace(day, directory_, day).first->second
                                         : other_.emplace(directory_, day);
  return file.is_log() ? &file : nullptr;
}

std::vector<Hole> DayReaders::holes(Moment from, Moment to) {
  std::vector<Hole> found;
  for (Day day = day_of(from); day <= day_of(to); day += std::chrono::days(1)) {
    if (DayReader* const file = find(day)) file->holes(from, to, found);
  }
  return found;
}

}  // namespace ctflow::nat
