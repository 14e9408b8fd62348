// SPDX-License-Identifier: GPL-2.0-or-later
// What a transport knows of its way to a collector: why it last failed, and what waits for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ctflow/clock.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

enum class FailureKind : std::uint8_t {
  kNone,
  kUnresolved,   ///< the name has no address, or the name service did not answer
  kRefused,      ///< the host answered that no program listens at the port
  kNoAnswer,     ///< nothing came back in time
  kHandshake,    ///< TLS: a certificate was refused, no common version, a file of ours, …
  kUnreachable,  ///< no route, no such device or source address, an ICMP error
  kBroken,       ///< a connection that stood was closed or lost
  kFile,         ///< a file could not be made or written
};

/// The last time that a collector could not be reached. It stays known when it can be again.
struct LastFailure {
  FailureKind kind = FailureKind::kNone;
  std::string reason{};  ///< for a person, of the kernel's or the TLS library's words
  MonoTime at{};
};

/// What waits in a transport that keeps messages, by the octets that its limits are about.
struct Backlog {
  std::uint64_t memory = 0;           ///< octets of messages in memory, those under way included
  std::uint64_t memory_limit = 0;     ///< spool.memory
  std::uint64_t disk = 0;             ///< octets of the spool's files
  std::uint64_t disk_limit = 0;       ///< spool.size; 0: no spool.directory
  std::optional<TimePoint> oldest{};  ///< since when the oldest message waits, by the wall clock
  std::string trouble{};              ///< why spool.directory cannot be used now; empty: it can
};

}  // namespace ctflow
