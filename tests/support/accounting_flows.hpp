// SPDX-License-Identifier: GPL-2.0-or-later
// Flow reports between addresses inside and outside, and what the database has of them.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "accounting/schema.hpp"
#include "accounting/store.hpp"
#include "accounting/surroundings.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_address.hpp"

namespace ctflow::test {

/// `from` begins a connection with `to`, which answers.
inline Flow report_between(const std::string& from, const std::string& to,
                           std::uint16_t port = 443) {
  Flow flow;
  const TextAddress source = text_address(from);
  const TextAddress destination = text_address(to);
  flow.original.family = source.family;
  flow.original.source = source.address;
  flow.original.destination = destination.address;
  flow.original.protocol = 6;
  flow.original.source_port = 50000;
  flow.original.destination_port = port;
  flow.reply = flow.original;
  std::swap(flow.reply.source, flow.reply.destination);
  std::swap(flow.reply.source_port, flow.reply.destination_port);
  flow.present.counters = true;
  return flow;
}

/// 10.0.0.0/8 and fd00::/8 are inside, 10.0.0.1 and 203.0.113.7 are this host.
inline std::shared_ptr<const accounting::Surroundings> sample_surroundings() {
  auto result = std::make_shared<accounting::Surroundings>();
  result->add_inside({AddressFamily::kIpv4, text_address("10.0.0.0").address, 8});
  result->add_inside({AddressFamily::kIpv6, text_address("fd00::").address, 8});
  for (const char* own : {"10.0.0.1", "203.0.113.7"}) {
    result->add_own(AddressFamily::kIpv4, text_address(own).address);
  }
  return result;
}

/// Puts a report into a batch, and returns how it was seen. No neighbour is known.
inline accounting::Classified add_report(const accounting::Accounts& accounts, const Flow& flow,
                                         const accounting::Surroundings& surroundings,
                                         TimePoint now, accounting::Batch& to) {
  const Neighbours none;
  accounting::RecentPlaces places;
  const accounting::Classified seen = accounting::classify(flow, places.of(surroundings, flow),
                                                           accounts.names(), none, accounts.any());
  accounts.add(seen, flow, now, to);
  return seen;
}

/// By level, time, aggregate and direction: all rows together.
using Sums = std::map<std::tuple<int, std::int64_t, std::string, int>, accounting::Amounts>;

inline Sums sums_in(const std::string& file, const std::string& where = "1") {
  const Database database = accounting::open_for_reading(file);
  Statement select(database,
                   "SELECT level, time, aggregate.name, direction, sum(down_octets), "
                   "sum(up_octets), sum(down_packets), sum(up_packets), sum(connections) FROM "
                   "usage JOIN aggregate ON aggregate.id = usage.aggregate JOIN key ON key.id = "
                   "usage.key WHERE " +
                       where + " GROUP BY 1, 2, 3, 4");
  Sums sums;
  while (select.step()) {
    const auto number = [&](int column) {
      return static_cast<std::uint64_t>(select.number(column));
    };
    sums[{static_cast<int>(select.number(0)), select.number(1), select.text(2),
          static_cast<int>(select.number(3))}] = {number(4), number(5), number(6), number(7),
                                                  number(8)};
  }
  return sums;
}

inline std::int64_t number_in(const std::string& file, const std::string& sql) {
  const Database database = accounting::open_for_reading(file);
  Statement select(database, sql);
  return select.step() ? select.number(0) : -1;
}

}  // namespace ctflow::test
