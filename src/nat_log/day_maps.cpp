// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day_maps.hpp"

#include <algorithm>

#include "nat_log/schema.hpp"

namespace ctflow::nat {
namespace {

AddressFamily family_of_map(std::size_t octets) {
  return octets == 4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
}

IpAddress address_of_octets(std::span<const std::uint8_t> octets) {
  IpAddress address;
  std::copy_n(octets.begin(), std::min<std::size_t>(octets.size(), 16), address.octets.begin());
  return address;
}

}  // namespace

bool DayMaps::exist() {
  Statement version(database_, "PRAGMA user_version");
  return version.step() && version.number(0) >= kSchemaWithMaps;
}

void DayMaps::make() {
  if (exist()) return;
  database_.execute(maps_schema());
}

void DayMaps::insert(const MapEntry& entry, Moment began) {
  make();
  if (!insert_) {
    insert_.emplace(database_,
                    "INSERT INTO maps(public_address,protocol,first_port,last_port,began,"
                    "inside_address) VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT DO UPDATE SET "
                    "ended=NULL, inside_address=excluded.inside_address");
  }
  insert_->bind(1, octets_of(entry.family, entry.public_address))
      .bind(2, std::int64_t{entry.protocol})
      .bind(3, std::int64_t{entry.first_port})
      .bind(4, std::int64_t{entry.last_port})
      .bind(5, offset(began))
      .bind(6, octets_of(entry.family, entry.inside))
      .run();
}

void DayMaps::end(const MapEntry& entry, Moment ended) {
  Statement(database_,
            "UPDATE maps SET ended=max(began,?6) WHERE public_address=?1 AND protocol=?2 AND "
            "first_port=?3 AND last_port=?4 AND (inside_address=?5 OR inside_address IS NULL) AND "
            "ended IS NULL")
      .bind(1, octets_of(entry.family, entry.public_address))
      .bind(2, std::int64_t{entry.protocol})
      .bind(3, std::int64_t{entry.first_port})
      .bind(4, std::int64_t{entry.last_port})
      .bind(5, octets_of(entry.family, entry.inside))
      .bind(6, offset(ended))
      .run();
}

void DayMaps::end_all(Moment ended) {
  if (!exist()) return;
  Statement(database_, "UPDATE maps SET ended=max(began,?1) WHERE ended IS NULL")
      .bind(1, offset(ended))
      .run();
}

void DayMaps::for_each_open(const std::function<void(const MapEntry&, Moment)>& take) {
  if (!exist()) return;
  Statement query(database_,
                  "SELECT public_address,protocol,first_port,last_port,began,inside_address "
                  "FROM maps WHERE ended IS NULL AND inside_address IS NOT NULL");
  while (query.step()) {
    MapEntry entry;
    entry.family = family_of_map(query.octets(0).size());
    entry.public_address = address_of_octets(query.octets(0));
    entry.protocol = static_cast<std::int16_t>(query.number(1));
    entry.first_port = static_cast<std::uint16_t>(query.number(2));
    entry.last_port = static_cast<std::uint16_t>(query.number(3));
    entry.inside = address_of_octets(query.octets(5));
    take(entry, Moment(day_) + std::chrono::milliseconds(query.number(4)));
  }
}

}  // namespace ctflow::nat
