// SPDX-License-Identifier: GPL-2.0-or-later
// What is counted, seen from the host that it is counted for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ctflow::accounting {

/// The beginning of a minute, UTC.
using Minute = std::chrono::sys_time<std::chrono::minutes>;

/// As the database has it: seconds since 1970.
inline std::int64_t seconds_of(Minute minute) {
  return std::chrono::duration_cast<std::chrono::seconds>(minute.time_since_epoch()).count();
}

inline Minute minute_at(std::int64_t seconds) {
  return std::chrono::floor<std::chrono::minutes>(
      std::chrono::sys_seconds(std::chrono::seconds(seconds)));
}

/// By where the ends of a connection are. The numbers are those of the database.
enum class Direction : std::uint8_t {
  kIn,       ///< begun outside, with a host inside
  kOut,      ///< begun inside, with a host outside
  kLocal,    ///< both ends are inside
  kThrough,  ///< both ends are outside
  kSelf,     ///< one end is this host
};
inline constexpr std::size_t kDirections = 5;

const char* name_of(Direction direction);
std::optional<Direction> parse_direction(std::string_view text);

struct Amounts {
  std::uint64_t down_octets = 0;  ///< to the host
  std::uint64_t up_octets = 0;    ///< from the host
  std::uint64_t down_packets = 0;
  std::uint64_t up_packets = 0;
  std::uint64_t connections = 0;  ///< of which this is the first report

  [[nodiscard]] std::uint64_t octets() const { return down_octets + up_octets; }
  [[nodiscard]] std::uint64_t packets() const { return down_packets + up_packets; }

  Amounts& operator+=(const Amounts& other) {
    down_octets += other.down_octets;
    up_octets += other.up_octets;
    down_packets += other.down_packets;
    up_packets += other.up_packets;
    connections += other.connections;
    return *this;
  }
  Amounts& operator-=(const Amounts& other) {
    down_octets -= other.down_octets;
    up_octets -= other.up_octets;
    down_packets -= other.down_packets;
    up_packets -= other.up_packets;
    connections -= other.connections;
    return *this;
  }
  friend bool operator==(const Amounts&, const Amounts&) = default;
};

/// What an interval is known to lack.
struct Missing {
  std::uint64_t lost_events = 0;    ///< connections whose end the kernel had no room for
  std::uint64_t no_counters = 0;    ///< reports of connections that the kernel does not count
  std::uint64_t counters_fell = 0;  ///< connections whose counters somebody set to zero
  std::uint64_t fallen_packets = 0;
  std::uint64_t late = 0;  ///< reports of older minutes that were entered here

  Missing& operator+=(const Missing& other) {
    lost_events += other.lost_events;
    no_counters += other.no_counters;
    counters_fell += other.counters_fell;
    fallen_packets += other.fallen_packets;
    late += other.late;
    return *this;
  }
  friend bool operator==(const Missing&, const Missing&) = default;
};

}  // namespace ctflow::accounting
