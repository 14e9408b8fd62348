// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/holes.hpp"

#include <algorithm>
#include <tuple>

#include "nat_log/store.hpp"

namespace ctflow::nat {

void remove_copies(std::vector<Hole>& holes) {
  const auto key = [](const Hole& one) { return std::tie(one.began, one.ended, one.reason); };
  std::sort(holes.begin(), holes.end(),
            [&](const Hole& one, const Hole& other) { return key(one) < key(other); });
  holes.erase(
      std::unique(holes.begin(), holes.end(),
                  [&](const Hole& one, const Hole& other) { return key(one) == key(other); }),
      holes.end());
}

bool cover(std::vector<Hole> holes, Moment from, Moment to) {
  remove_copies(holes);  // sorts them
  for (const Hole& hole : holes) {
    if (hole.began > from) break;
    if (!hole.ended || *hole.ended >= to) return true;
    from = std::max(from, *hole.ended);
  }
  return false;
}

std::optional<Moment> settled_after(
    Moment last, std::optional<Moment> written,
    const std::function<std::vector<Hole>(Moment from, Moment to)>& holes_in) {
  while (written && *written >= last + Store::kLateEnds) {
    const Moment known = last + Store::kLateEnds;
    Moment next = last;
    for (const Hole& hole : holes_in(last, known)) {
      if (hole.began >= known) continue;
      if (!hole.ended) return std::nullopt;
      next = std::max(next, *hole.ended);
    }
    if (next == last) return last;
    last = next;
  }
  return std::nullopt;
}

}  // namespace ctflow::nat
