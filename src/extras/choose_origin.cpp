// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/choose_origin.hpp"

#include <array>

#include "log/log.hpp"

namespace ctflow {
namespace {

constexpr const char* kFix =
    "the reason says what is missing; the service of systemd gets capabilities by the drop-in "
    "ebpf.conf; where that is and what each origin needs: docs/operations.md";

struct Candidate {
  Measure by_name;
  MeasurementOrigin origin;
  std::function<std::string()> Origins::*use;
};

constexpr std::array kBestFirst{
    Candidate{Measure::kPatch, MeasurementOrigin::kKernelPatch, &Origins::patch},
    Candidate{Measure::kFentry, MeasurementOrigin::kFentry, &Origins::fentry},
    Candidate{Measure::kNetfilter, MeasurementOrigin::kNetfilter, &Origins::netfilter},
};

}  // namespace

OriginChoice choose_origin(Measure wanted, const Origins& origins) {
  OriginChoice choice;
  if (wanted == Measure::kOff) {
    choice.obstacle = "source.measure: off";
    return choice;
  }
  for (const Candidate& one : kBestFirst) {
    if (wanted != Measure::kAuto && wanted != one.by_name) continue;
    const std::string obstacle = (origins.*one.use)();
    if (obstacle.empty()) {
      choice.origin = one.origin;
      return choice;
    }
    if (!choice.obstacle.empty()) choice.obstacle += "; ";
    choice.obstacle += fmt::format("{}: {}", name_of(one.origin), obstacle);
  }
  return choice;
}

void log_obstacle(Measure wanted, const OriginChoice& choice) {
  if (choice.obstacle.empty() || wanted == Measure::kOff) return;
  if (choice.origin != MeasurementOrigin::kNone) {
    log::info("measuring_better_unavailable origin={} reason={}", name_of(choice.origin),
              log::quoted(choice.obstacle));
  } else if (wanted == Measure::kAuto) {
    log::info(
        "measuring_unavailable reason={} impact=\"end times and interfaces are computed, counters "
        "are those of conntrack\" fix={}",
        log::quoted(choice.obstacle), log::quoted(kFix));
  } else {
    log::warn(
        "measuring_unavailable reason={} impact=\"source.measure cannot be followed: end times and "
        "interfaces are computed, counters are those of conntrack\" fix={}",
        log::quoted(choice.obstacle), log::quoted(kFix));
  }
}

}  // namespace ctflow
