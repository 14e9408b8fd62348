// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/measuring_check.hpp"

#include <fmt/format.h>

#include "extras/find_extras.hpp"
#include "extras/from_bpf/from_records.hpp"
#include "extras/from_bpf/make_programs.hpp"
#include "extras/from_bpf/records_obstacle.hpp"

namespace ctflow {
namespace {

std::string what_is_exact(const Capabilities& measured) {
  switch (measured.origin) {
    case MeasurementOrigin::kKernelPatch:
      if (!measured.active()) return "patched kernel, measuring is off";
      return fmt::format(
          "patched kernel: times, interfaces, TCP flags{} are exact for connections that began "
          "since it was switched on{}",
          measured.counters ? ", end reasons and packets as on the wire" : " and end reasons",
          measured.counters ? "" : "; counters are conntrack's own (source.wire_counters: false)");
    case MeasurementOrigin::kFentry:
    case MeasurementOrigin::kNetfilter:
      return fmt::format(
          "{}: times, interfaces, TCP flags{} are exact for connections that begin while ctflowd "
          "runs{}",
          name_of(measured.origin), measured.counters ? " and packets as on the wire" : "",
          measured.flowtables ? ", in flowtables, too" : "");
    case MeasurementOrigin::kNone:
      break;
  }
  return "stock kernel: end times are computed from the timeouts, interfaces from the routes, "
         "counters are those of conntrack";
}

}  // namespace

std::string MeasuringCheck::try_fentry(const SourceConfig& config, const std::string& directory,
                                       Capabilities& found) {
  if (std::string obstacle = records_obstacle(config, directory); !obstacle.empty()) {
    return obstacle;
  }
  if (!loading_) {
    const auto programs = make_measuring_programs();
    loading_ = programs ? programs->load() : "this build has no eBPF programs (CTFLOWD_BPF=OFF)";
    flowtables_ = loading_->empty() && programs->sees_flowtables();
  }
  if (loading_->empty()) {
    found = FromRecords(config, [this] { return flowtables_; }).capabilities();
  }
  return *loading_;
}

Measuring MeasuringCheck::find(const SourceConfig& config, const std::string& directory) {
  Measuring result;
  Origins origins;
  origins.patch = [&]() -> std::string {
    result.capabilities = find_capabilities(config, directory);
    if (result.capabilities.possible()) return "";
    return "this kernel is without the series of kernel-patches/";
  };
  origins.fentry = [&] { return try_fentry(config, directory, result.capabilities); };
  origins.netfilter = [&] {
    std::string obstacle;
    if (const auto extras = netfilter_extras(config, obstacle, directory)) {
      result.capabilities = extras->capabilities();
    }
    return obstacle;
  };
  result.obstacle = choose_origin(config.measure, origins).obstacle;
  return result;
}

std::string describe(const Measuring& measuring) {
  if (measuring.obstacle.empty()) return what_is_exact(measuring.capabilities);
  const bool none = !measuring.capabilities.possible();
  return fmt::format("{}. {}: {}", what_is_exact(measuring.capabilities),
                     none ? "Nothing measures because" : "Not better because", measuring.obstacle);
}

}  // namespace ctflow
