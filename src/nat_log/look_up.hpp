// SPDX-License-Identifier: GPL-2.0-or-later
// Who used a public address and port at a time, by the files of a directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nat_log/day_file.hpp"

namespace ctflow::nat {

/// An address, and a port where that matters.
struct Endpoint {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address;
  std::optional<std::uint16_t> port{};
};

struct Question {
  Endpoint who;  ///< with its port
  std::optional<std::uint8_t> protocol{};
  Moment at{};
  std::optional<Endpoint> remote{};
  std::optional<std::uint16_t> zone{};  ///< nothing: of all conntrack zones
  std::chrono::milliseconds tolerance{1000};
  Moment now{};
};

/// A row that fits, or an entry of a static map: the ports that belong to an inside address, and
/// how long they did.
struct Found {
  std::string public_address;
  std::string inside_address{};  ///< empty: forgotten on request
  std::string remote_address{};  ///< empty: not logged, or forgotten
  Moment began{};
  std::optional<Moment> ended{};  ///< nothing: it had not ended when the log was last written
  std::uint16_t public_port = 0;
  std::uint16_t inside_port = 0;
  std::uint16_t remote_port = 0;
  std::uint16_t zone = 0;
  std::uint8_t protocol = 0;
  bool destination_nat = false;
  int unsure = 0;             ///< bits of unsure::
  bool from_map = false;      ///< an entry of a map, which has no inside port and no remote end
  bool any_protocol = false;  ///< … for all protocols
  std::uint16_t public_last_port = 0;  ///< … from `public_port` to this one
};

enum class Verdict : std::uint8_t {
  kOne,        ///< one inside host
  kNone,       ///< no host
  kCannotSay,  ///< the log is incomplete then, or the answer was forgotten
  kSeveral,    ///< more than one inside host
};

struct Answer {
  Verdict verdict = Verdict::kNone;
  std::vector<Found> found{};
  std::vector<Hole> holes{};           ///< at that time
  std::vector<Found> around{};         ///< entries of maps that ended or began in these holes
  std::vector<std::string> missing{};  ///< why else the log cannot say
  bool same_map = false;               ///< an entry was the same before and after these holes
  bool remote_not_logged = false;      ///< some of what fits has no remote end to compare
  bool other_zones = false;            ///< a row decides, but of its conntrack zone only
};

/// Throws SqliteError or std::filesystem::filesystem_error.
Answer look_up(const std::string& directory, const Question& question);

/// Calls `take` with every row of an inside address, day by day, then with its entries of maps.
void for_each_row_of(const std::string& directory, const Endpoint& subject,
                     const std::function<void(const Found&)>& take);

/// What was removed from the files.
struct Forgotten {
  std::int64_t inside = 0;   ///< rows that named it as the inside address
  std::int64_t remote = 0;   ///< … as the remote address
  std::int64_t entries = 0;  ///< of static maps, that held once
  std::int64_t kept = 0;     ///< … that the ruleset had when the log was last written: these stay
  std::size_t files = 0;     ///< that were read
  std::size_t busy = 0;      ///< … in whose write-ahead log it still is, because others read them
};

/// Removes an inside or remote address from all rows, and from entries of maps but for those that
/// hold. The rows stay, so that a look-up does not say
/// that no host used the port.
Forgotten forget(const std::string& directory, const Endpoint& subject);

}  // namespace ctflow::nat
