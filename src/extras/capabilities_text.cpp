// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/capabilities_text.hpp"

#include <fmt/format.h>

namespace ctflow {
namespace {

/// Who makes the interim reports.
const char* reporter(const Capabilities& measured, const SourceConfig& config) {
  if (measured.reports) return "kernel";
  return config.active_timeout.count() == 0 ? "off" : "table";
}

}  // namespace

std::string capabilities_text(const Capabilities& measured, const SourceConfig& config) {
  return fmt::format(
      "origin={} measuring={} end_times={} counters={} interfaces={} tcp_flags={} "
      "active_timeout={} flowtables={}",
      name_of(measured.origin), measured.active() ? "on" : "off",
      measured.times ? "exact" : "estimated", measured.counters ? "wire" : "conntrack",
      measured.interfaces ? "exact" : "estimated", measured.flags ? "exact" : "unknown",
      reporter(measured, config), measured.flowtables ? "measured" : "unmeasured");
}

}  // namespace ctflow
