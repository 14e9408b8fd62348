// SPDX-License-Identifier: GPL-2.0-or-later
// The seam behind decoding: what is measured of a connection beside conntrack.
#pragma once

#include <cstdint>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Who measures.
enum class MeasurementOrigin : std::uint8_t {
  kNone,         ///< a stock kernel: end times are estimates, counters are conntrack's
  kKernelPatch,  ///< CTA_FLOW of the series in kernel-patches/
  kFentry,       ///< eBPF programs at the entries and exits of the kernel's functions
  kNetfilter,    ///< eBPF programs at the netfilter hooks
};

/// What is measured of connections of one network namespace now.
struct Capabilities {
  /// An origin that is there but switched off measures nothing; it may be switched on any time.
  MeasurementOrigin origin = MeasurementOrigin::kNone;
  bool times = false;       ///< first and last packet of each direction
  bool counters = false;    ///< packets and octets as on the wire, and they are used
  bool interfaces = false;  ///< through which the packets went
  bool flags = false;       ///< TCP control bits, class of service, TTL, packet lengths
  bool reports = false;     ///< the origin reports existing connections by itself
  bool ends = false;        ///< … and ends, so that no netlink events are listened to
  bool flowtables = false;  ///< packets that a flowtable forwards are measured, too

  /// Flows may carry extras, now or once the origin is switched on.
  [[nodiscard]] constexpr bool possible() const { return origin != MeasurementOrigin::kNone; }
  [[nodiscard]] constexpr bool active() const {
    return times || counters || interfaces || flags || reports;
  }

  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

/// One word for logs, status and metrics.
constexpr const char* name_of(MeasurementOrigin origin) {
  switch (origin) {
    case MeasurementOrigin::kKernelPatch:
      return "kernel_patch";
    case MeasurementOrigin::kFentry:
      return "fentry";
    case MeasurementOrigin::kNetfilter:
      return "netfilter";
    case MeasurementOrigin::kNone:
      break;
  }
  return "none";
}

/// Where extras come from. Asked between decoding and identification of a connection, because
/// counters and times must be those that are exported before deltas are taken.
class ExtrasSource {
 public:
  virtual ~ExtrasSource() = default;

  /// As last read.
  [[nodiscard]] virtual const Capabilities& capabilities() const = 0;

  /// Reads again what is measured. To be called during a visit to the network namespace.
  virtual const Capabilities& refresh() = 0;

  /// Completes `flow.extras` of a flow that was just decoded, and removes from them what is not to
  /// be used. Runs for every message: no allocation, no exception.
  virtual void add(Flow& flow) = 0;

  /// Connections that found no room to be measured. Sources whose events count them say 0.
  [[nodiscard]] virtual std::uint64_t unmeasured() const { return 0; }
};

}  // namespace ctflow
