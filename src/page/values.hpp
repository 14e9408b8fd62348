// SPDX-License-Identifier: GPL-2.0-or-later
// What the page shows, as values. Texts are as they came: escape.hpp makes them harmless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "findings/finding.hpp"

namespace ctflow::page {

/// How much somebody used.
struct Use {
  std::string name{};
  std::uint64_t down_octets = 0;
  std::uint64_t up_octets = 0;
  std::uint64_t connections = 0;

  [[nodiscard]] std::uint64_t octets() const { return down_octets + up_octets; }
};

/// A report, cut to the rows that are shown.
struct UseTable {
  std::string title{};      ///< "Today"
  std::string by{};         ///< "device"
  std::string since{};      ///< local time
  std::vector<Use> rows{};  ///< the greatest first
  std::vector<Use> rest{};  ///< what has no row of its own, under names that are not of keys
  Use total{};
  std::string missing{};   ///< what is not in it; empty: it is complete
  bool began = false;      ///< and all that is missing is from before accounting began
  std::string left_out{};  ///< what settings keep from being counted; empty: none do
};

/// One hour of the course.
struct CourseHour {
  std::string label{};  ///< when it begins, local time: "14:00"
  std::uint64_t down_octets = 0;
  std::uint64_t up_octets = 0;
  bool counted = true;  ///< false: in a part of it, or in all, nothing was counted
};

/// What accounting's database says of one network namespace.
struct UsageValues {
  std::string network_namespace{};
  std::string read_at{};  ///< local time
  std::string error{};    ///< why it cannot be read; empty: it can
  bool written = true;    ///< false: there is no database yet
  std::vector<UseTable> tables{};
  std::vector<CourseHour> course{};
};

/// Who uses how much now, bits a second.
struct Talker {
  std::string name{};
  double down = 0;
  double up = 0;
};

struct Talkers {
  std::string network_namespace{};
  std::string by{};
  double seconds = 0;  ///< of the rates; 0: there is one reading only so far
  /// A connection that goes on is counted this often, in seconds; 0: when it ends.
  double reported_every = 0;
  std::vector<Talker> rows{};  ///< the greatest first
  std::size_t others = 0;      ///< that have no row
  Talker total{};
};

/// A collector, or another output.
struct OutputValues {
  std::string name{};
  std::string peer{};
  std::string state{};
  bool good = true;
  std::uint64_t sent = 0;  ///< flow reports, as the next ones
  std::uint64_t waiting = 0;
  std::uint64_t lost = 0;
};

struct NamespaceValues {
  std::string name{};  ///< empty: the one that ctflowd runs in
  std::vector<OutputValues> outputs{};
  double events_per_second = 0;  ///< of the last 10 s
  std::uint64_t ended = 0;       ///< connections
  std::uint64_t exported = 0;    ///< flow reports
  std::uint64_t dropped = 0;     ///< events for which the kernel had no room
  std::uint64_t no_counters = 0;
  std::size_t table_entries = 0;
  std::size_t table_limit = 0;  ///< 0: not known
};

/// Whether accounting has something to show.
enum class AccountingState : std::uint8_t { kOff, kNotBuilt, kReading, kRead };

struct PageValues {
  std::string host{};
  std::string version{};
  std::string time{};  ///< UTC
  std::vector<Finding> problems{};
  AccountingState accounting = AccountingState::kOff;
  std::uint64_t written_every = 0;   ///< seconds: accounting's commit_interval
  std::vector<UsageValues> usage{};  ///< of each namespace with accounting
  std::vector<Talkers> talkers{};    ///< the same
  std::vector<NamespaceValues> namespaces{};
};

}  // namespace ctflow::page
