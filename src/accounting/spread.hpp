// SPDX-License-Identifier: GPL-2.0-or-later
// A report over the minutes that it is of.
#pragma once

#include <algorithm>
#include <cstdint>
#ifndef __SIZEOF_INT128__
#include <boost/multiprecision/cpp_int.hpp>
#endif

#include "accounting/amounts.hpp"
#include "ctflow/flow.hpp"

namespace ctflow::accounting {

#ifdef __SIZEOF_INT128__
__extension__ using Wide = unsigned __int128;
#else  // compilers for processors of 32 bits
using Wide = boost::multiprecision::uint128_t;
#endif

/// The part of `total` that falls to `part` of `whole`, which is no less, rounded down.
inline std::uint64_t share(std::uint64_t total, std::uint64_t part, std::uint64_t whole) {
  return static_cast<std::uint64_t>(static_cast<Wide>(total) * part / whole);
}

inline Amounts share(const Amounts& total, std::uint64_t part, std::uint64_t whole) {
  return {share(total.down_octets, part, whole), share(total.up_octets, part, whole),
          share(total.down_packets, part, whole), share(total.up_packets, part, whole), 0};
}

/// Calls `take(minute, amounts)` for each minute between `from` and `to`, with what falls to it by
/// its part of that time; the last has what rounding leaves, so that the sum is `total`. The first
/// has the connection. What is older than `oldest` is in `oldest`; returns whether anything was.
/// `to` at the end of a minute is of that minute.
template <typename Take>
bool spread(const Amounts& total, TimePoint from, TimePoint to, Minute oldest, Take take) {
  using std::chrono::minutes;
  using std::chrono::nanoseconds;
  if (from > to) from = to;
  const Minute began = std::chrono::floor<minutes>(from);
  const Minute first = std::max(began, oldest);
  const Minute last =
      std::max(first, std::chrono::floor<minutes>(to == from ? to : to - nanoseconds(1)));
  if (first == last) {
    take(last, total);
    return began < oldest;
  }
  const auto whole = static_cast<std::uint64_t>((to - from).count());
  Amounts left = total;
  left.connections = 0;
  TimePoint at = from;
  for (Minute minute = first; minute < last; minute += minutes(1)) {
    const TimePoint next = minute + minutes(1);
    Amounts part = share(total, static_cast<std::uint64_t>((next - at).count()), whole);
    left -= part;
    if (minute == first) part.connections = total.connections;
    take(minute, part);
    at = next;
  }
  take(last, left);
  return began < oldest;
}

}  // namespace ctflow::accounting
