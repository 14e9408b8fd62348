// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/static_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

#include "text/address_text.hpp"
#include "text/endpoint_text.hpp"

namespace ctflow::nat {
namespace {

auto place_of(const MapEntry& one) {
  return std::tie(one.family, one.public_address.octets, one.protocol, one.first_port,
                  one.last_port, one.inside.octets);
}

struct Used {
  const MapEntry* entry;
  std::size_t map;
};

bool same_protocol(const MapEntry& one, const MapEntry& other) {
  return one.protocol == other.protocol || one.protocol == kAnyProtocol ||
         other.protocol == kAnyProtocol;
}

/// Of entries whose ports overlap. The same inside address may have the same ports twice, but not
/// ranges that overlap in part: one of them could not be found.
bool conflict(const MapEntry& one, const MapEntry& other) {
  if (!same_protocol(one, other)) return false;
  if (!(one.inside == other.inside)) return true;
  return one.protocol == other.protocol &&
         (one.first_port != other.first_port || one.last_port != other.last_port);
}

std::string why_not(const UsedMap& map, const UsedMap& other, const MapEntry& entry) {
  const std::string shared = text::endpoint_text(
      text_of_address(octets_of(entry.family, entry.public_address)), entry.first_port);
  return fmt::format("{} is not static: {} belongs to two inside addresses{}", map.name, shared,
                     &map == &other ? "" : fmt::format(" together with {}", other.name));
}

/// Finds the maps that are not static.
class Conflicts {
 public:
  explicit Conflicts(const std::vector<UsedMap>& maps) : maps_(maps), why_(maps.size()) {
    std::size_t count = 0;
    for (const UsedMap& map : maps) count += map.entries.size();
    std::vector<Used> all;
    all.reserve(count);
    for (std::size_t map = 0; map < maps.size(); ++map) {
      for (const MapEntry& entry : maps[map].entries) all.push_back({&entry, map});
    }
    const auto key = [](const Used& used) {
      const MapEntry& one = *used.entry;
      return std::tie(one.family, one.public_address.octets, one.first_port);
    };
    std::sort(all.begin(), all.end(),
              [&](const Used& one, const Used& other) { return key(one) < key(other); });
    for (const Used& next : all) pass(next);
  }

  /// Empty: the map is static.
  [[nodiscard]] const std::string& why(std::size_t map) const { return why_[map]; }

 private:
  /// Compares the next one in the order of ports with those before that reach as far.
  void pass(const Used& next) {
    const bool alone = compare(reaching_, next);
    const bool alone_too = compare(contrary_, next);
    if (alone && alone_too) {
      reaching_.push_back(next);
    } else {
      keep_contrary(next);
    }
  }

  /// True: none of these contradicts it.
  bool compare(std::vector<Used>& with, const Used& next) {
    std::erase_if(with, [&](const Used& before) {
      return before.entry->family != next.entry->family ||
             !(before.entry->public_address == next.entry->public_address) ||
             before.entry->last_port < next.entry->first_port;
    });
    bool alone = true;
    for (const Used& before : with) {
      if (!conflict(*before.entry, *next.entry)) continue;
      alone = false;
      note(before.map, next);
      note(next.map, {next.entry, before.map});
    }
    return alone;
  }

  /// All would be too many to compare with. The two of a protocol that reach furthest, with
  /// different inside addresses, are enough: what comes later contradicts one of these if any.
  void keep_contrary(const Used& next) {
    std::vector<Used*> kept;
    for (Used& before : contrary_) {
      if (before.entry->protocol == next.entry->protocol) kept.push_back(&before);
    }
    for (Used* const before : kept) {
      if (!(before->entry->inside == next.entry->inside)) continue;
      if (before->entry->last_port < next.entry->last_port) *before = next;
      return;
    }
    if (kept.size() < 2) {
      contrary_.push_back(next);
      return;
    }
    Used* const nearer = kept[0]->entry->last_port < kept[1]->entry->last_port ? kept[0] : kept[1];
    if (nearer->entry->last_port < next.entry->last_port) *nearer = next;
  }

  void note(std::size_t map, const Used& with) {
    if (why_[map].empty()) why_[map] = why_not(maps_[map], maps_[with.map], *with.entry);
  }

  const std::vector<UsedMap>& maps_;
  std::vector<std::string> why_;
  std::vector<Used> reaching_;  ///< no two of them contradict each other
  std::vector<Used> contrary_;  ///< of those that contradict others
};

}  // namespace

bool comes_before(const MapEntry& one, const MapEntry& other) {
  return place_of(one) < place_of(other);
}

StaticMaps::StaticMaps(std::vector<UsedMap> maps) {
  const Conflicts conflicts(maps);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    if (!conflicts.why(i).empty()) {
      left_out_.push_back(conflicts.why(i));
      continue;
    }
    entries_.insert(entries_.end(), maps[i].entries.begin(), maps[i].entries.end());
  }
  std::sort(entries_.begin(), entries_.end(), comes_before);
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
}

const MapEntry* StaticMaps::followed_by(const Translation& translation) const {
  // Of a connection in a zone the inside address alone does not say which host it is.
  if (translation.destination_nat || translation.zone != 0) return nullptr;
  const MapEntry* const found = find(translation, std::int16_t{translation.protocol});
  return found != nullptr ? found : find(translation, kAnyProtocol);
}

const MapEntry* StaticMaps::find(const Translation& translation, std::int16_t protocol) const {
  const std::uint16_t port = translation.public_end.port;
  const auto key = std::tie(translation.family, translation.public_end.address.octets, protocol);
  // The last one that begins at this port or before: ranges of one protocol do not overlap.
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), port, [&](std::uint16_t asked, const MapEntry& entry) {
        const auto place = std::tie(entry.family, entry.public_address.octets, entry.protocol);
        return key != place ? key < place : asked < entry.first_port;
      });
  if (after == entries_.begin()) return nullptr;
  const MapEntry& found = *std::prev(after);
  const bool follows = found.family == translation.family && found.protocol == protocol &&
                       found.public_address == translation.public_end.address &&
                       port <= found.last_port && found.inside == translation.inside.address;
  return follows ? &found : nullptr;
}

}  // namespace ctflow::nat
