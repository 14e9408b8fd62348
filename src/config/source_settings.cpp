// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/source_settings.hpp"

#include "config/filter_settings.hpp"
#include "config/formats.hpp"

namespace ctflow::config {
namespace {

ValueFormat<ExistingConnections> existing() {
  return choice<ExistingConnections>(
      {{"export", ExistingConnections::kExport}, {"skip", ExistingConnections::kSkip}});
}

ValueFormat<Delivery> delivery() {
  return choice<Delivery>(
      {{"best-effort", Delivery::kBestEffort}, {"reliable", Delivery::kReliable}});
}

ValueFormat<OwnTraffic> own_traffic() {
  return choice<OwnTraffic>({{"exclude", OwnTraffic::kExclude}, {"include", OwnTraffic::kInclude}});
}

ValueFormat<Measure> measure() {
  return choice<Measure>({{"auto", Measure::kAuto},
                          {"off", Measure::kOff},
                          {"patch", Measure::kPatch},
                          {"fentry", Measure::kFentry},
                          {"netfilter", Measure::kNetfilter}});
}

/// To skip what another ctflowd had not reported yet would lose it.
std::optional<Complaint> check_source(const SourceConfig& source) {
  const bool kept = source.state_file && !source.state_file->empty();
  if (!kept || source.existing == ExistingConnections::kExport) return std::nullopt;
  return Complaint{"existing", "expected export where there is a state_file, got skip"};
}

}  // namespace

Section<SourceConfig> source_settings() {
  using S = SourceConfig;
  return {
      {
          value("receive_buffer", kOptional, size("64KiB", "1GiB"), &S::receive_buffer),
          value("receive_buffer_limit", kOptional, size("64KiB", "1GiB"), &S::receive_buffer_limit),
          value("delivery", kOptional, delivery(), &S::delivery),
          value("batch_delay", kOptional, duration("0ms", "100ms"), &S::batch_delay),
          value("active_timeout", kOptional, duration_or_off("5s", "1h"), &S::active_timeout),
          value("existing", kOptional, existing(), &S::existing),
          value("state_file", kOptional, absolute_path_or_off(), &S::state_file),
          value("report_at_stop", kOptional, boolean(), &S::report_at_stop),
          value("measure", kOptional, measure(), &S::measure),
          value("wire_counters", kOptional, boolean(), &S::wire_counters),
          value("live_connections", kOptional, integer(0, 100'000'000),
                &S::max_reported_connections),
          value("own_traffic", kOptional, own_traffic(), &S::own_traffic),
          section("filter", kOptional, filter_settings(), &S::filter),
      },
      check_source};
}

}  // namespace ctflow::config
