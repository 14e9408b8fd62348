// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/held_maps.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ctflow::nat {

HeldMaps::HeldMaps(std::vector<HeldEntry> earlier, Moment until) : sure_until(until) {
  std::sort(earlier.begin(), earlier.end(), [](const HeldEntry& one, const HeldEntry& other) {
    return comes_before(one.entry, other.entry);
  });
  UsedMap all{"the log", {}};
  std::vector<Moment> began;
  all.entries.reserve(earlier.size());
  began.reserve(earlier.size());
  for (const HeldEntry& one : earlier) {
    all.entries.push_back(one.entry);
    began.push_back(one.began);
  }
  auto maps = std::make_shared<const StaticMaps>(std::vector<UsedMap>{std::move(all)});
  if (maps->entries().size() != began.size()) began.assign(maps->entries().size(), until);
  maps_ = std::move(maps);
  began_ = std::make_shared<const std::vector<Moment>>(std::move(began));
}

void HeldMaps::for_each(const std::function<void(const MapEntry&, Moment)>& take) const {
  const auto entries = maps_->entries();
  for (std::size_t i = 0; i < entries.size(); ++i) take(entries[i], (*began_)[i]);
}

HeldMaps::Difference HeldMaps::replace(const MapReading& reading) {
  const auto before = maps_->entries();
  const auto after = reading.maps->entries();
  Difference difference;
  std::vector<Moment> began;
  began.reserve(after.size());
  std::size_t old = 0;
  const auto leave = [&] { difference.removed.push_back({before[old], (*began_)[old]}); };
  for (const MapEntry& entry : after) {
    for (; old < before.size() && comes_before(before[old], entry); ++old) leave();
    if (old < before.size() && before[old] == entry) {
      began.push_back((*began_)[old++]);
    } else {
      began.push_back(reading.since);
      difference.added.push_back({entry, reading.since});
    }
  }
  for (; old < before.size(); ++old) leave();
  maps_ = reading.maps;
  began_ = std::make_shared<const std::vector<Moment>>(std::move(began));
  return difference;
}

bool HeldMaps::cover(const Translation& translation, std::optional<Moment> began,
                     bool began_since) const {
  if (!current) return false;
  const MapEntry* const entry = maps_->followed_by(translation);
  if (entry == nullptr) return false;
  if (!began) return began_since;
  return *began >= (*began_)[static_cast<std::size_t>(entry - maps_->entries().data())];
}

}  // namespace ctflow::nat
