// SPDX-License-Identifier: GPL-2.0-or-later
// The way to a collector as its transport sees it: why it last failed, and what waits.
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
  kNoAnswer,     ///< timed out
  kHandshake,    ///< TLS: a certificate was refused, no common version, a file of ours, …
  kUnreachable,  ///< no route, no such device or source address, an ICMP error
  kBroken,       ///< an established connection was closed or lost
  kFile,         ///< a file could not be made or written, for another reason than these:
  kDiskFull,     ///< no room, or the quota is used up
  kReadOnly,     ///< the file system cannot be written
  kNoAccess,     ///< no right to write the file, or no directory for it
  kDamaged,      ///< a database that is none, or is damaged
  kInUse,        ///< another process writes it
};

/// The last time that a collector could not be reached, also when it can be reached again.
struct LastFailure {
  FailureKind kind = FailureKind::kNone;
  std::string reason{};  ///< the message of the kernel or the TLS library
  MonoTime at{};
};

/// What waits in a transport that keeps messages, by the octets that its limits are about.
struct Backlog {
  std::uint64_t memory =
      0;  ///< octets of messages in memory, sent and not acknowledged ones included
  std::uint64_t memory_limit = 0;     ///< spool.memory, or buffer
  std::uint64_t disk = 0;             ///< octets of the spool's files
  std::uint64_t disk_limit = 0;       ///< spool.size; 0: no spool.directory
  std::optional<TimePoint> oldest{};  ///< since when the oldest message waits, by the wall clock
  std::string trouble{};              ///< why spool.directory cannot be used now; empty: it can
};

enum class CertificateOwner : std::uint8_t { kExporter, kCollector };

/// Of the certificates that one end of a TLS connection showed, and, of the collector's, of those
/// that vouch for it, the one that expires first.
struct Certificate {
  CertificateOwner owner = CertificateOwner::kCollector;
  TimePoint expires{};  ///< notAfter, by the wall clock
};

}  // namespace ctflow
