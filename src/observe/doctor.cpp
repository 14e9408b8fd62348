// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/doctor.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ostream>
#include <system_error>

#include "conntrack/kernel_check.hpp"
#include "enrich/routing_mirror.hpp"

namespace ctflow {
namespace {

const char* describe(KernelPatch patch) {
  switch (patch) {
    case KernelPatch::kAbsent:
      return "stock kernel: end times are estimated from the timeouts, interfaces follow from the "
             "routes, counters are conntrack's own";
    case KernelPatch::kOff:
      return "patched kernel, measuring is off";
    case KernelPatch::kOn:
      return "patched kernel: times, interfaces, TCP flags, end reasons and packets as on the wire "
             "are exact for connections that began since it was switched on";
  }
  return "";
}

/// What of the kernel's routing interfaces can be told from. Read here as the daemon reads it.
std::string describe_routes() {
  constexpr std::chrono::seconds kLongestWait{10};
  boost::asio::io_context io;
  try {
    RoutingMirror mirror(io);
    mirror.start();
    const auto latest = std::chrono::steady_clock::now() + kLongestWait;
    while (!mirror.loaded() && std::chrono::steady_clock::now() < latest) {
      io.run_one_for(std::chrono::milliseconds(100));
    }
    if (!mirror.loaded()) return "the kernel does not tell them";
    const RoutingState& state = mirror.state();
    std::string text =
        fmt::format("{} in {} interfaces, {} of them VRFs, chosen by {} rules", state.routes(),
                    state.links().size(), state.vrfs().size(), state.rules());
    if (state.undecidable_rules() > 0) {
      text += fmt::format(", {} of which ask for what conntrack does not know and are passed over",
                          state.undecidable_rules());
    }
    return text;
  } catch (const std::system_error& error) {
    return error.what();
  }
}

}  // namespace

int run_doctor(std::ostream& out, const std::string& directory) {
  out << "kernel: " << describe(find_kernel_patch(directory)) << '\n';
  out << "routes: " << describe_routes() << '\n';
  const std::vector<KernelFinding> findings = check_kernel(directory);
  for (const KernelFinding& finding : findings) {
    out << finding.event << ": " << finding.means << "\n  mend: " << finding.mend << '\n';
  }
  if (findings.empty()) out << "nothing to mend\n";
  return findings.empty() ? 0 : 1;
}

}  // namespace ctflow
