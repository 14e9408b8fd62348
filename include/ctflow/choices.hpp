// SPDX-License-Identifier: GPL-2.0-or-later
// What settings choose among: for those that need nothing else of the configuration.
#pragma once

#include <cstdint>

namespace ctflow {

/// Which records a collector gets (docs/protocol.md, "Profiles").
enum class Profile : std::uint8_t { kDefault, kNfdump, kAkvorado, kBiflow, kNatEvents, kMinimal };

/// How messages get to a collector.
enum class TransportKind : std::uint8_t { kUdp, kTcp, kTls, kFile };

/// How a group's collectors share the flows.
enum class GroupMode : std::uint8_t {
  kFailover,  ///< the first that is healthy gets all
  kBalance,   ///< each gets the connections that fall to it
};

/// Which threads have an event loop.
enum class Threads : std::uint8_t {
  kOne,         ///< one, which does everything
  kNamespaces,  ///< and one for each of `namespaces`
};

/// Where the lines of a connection log go.
enum class LogDestination : std::uint8_t {
  kFile,
  kStdout,
  kUnix,  ///< a stream socket that another program listens at
  kTcp,
  kKafka,
  kPostgresql,
};

/// Which translations the NAT log stores.
enum class NatLogRows : std::uint8_t {
  kAll,
  kExceptions,  ///< those that do not follow a static map of the ruleset
};

enum class ExistingConnections : std::uint8_t { kExport, kSkip };

/// What the kernel does with events that find no room.
enum class Delivery : std::uint8_t {
  kBestEffort,  ///< drops them
  kReliable,    ///< keeps their connections in its table and tries again
};

/// Connections between this host and a collector, over which flow records are sent.
enum class OwnTraffic : std::uint8_t { kExclude, kInclude };

/// Who measures what conntrack does not keep.
enum class Measure : std::uint8_t {
  kAuto,       ///< the first that is possible: patched kernel, fentry, netfilter
  kOff,        ///< nothing
  kPatch,      ///< a patched kernel
  kFentry,     ///< eBPF programs at the entries and exits of the kernel's functions
  kNetfilter,  ///< eBPF programs at the netfilter hooks
};

/// How the interfaces of a flow are found where the kernel does not report them.
enum class InterfaceLookup : std::uint8_t {
  kRoutes,    ///< by the routes to both ends
  kConstant,  ///< not at all
};

}  // namespace ctflow
