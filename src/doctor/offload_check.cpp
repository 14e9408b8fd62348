// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/offload_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <fstream>
#include <string_view>

namespace ctflow {
namespace {

constexpr const char* kUseConntrack =
    "source.wire_counters: false exports the counters of conntrack";

/// Modules of one accelerator.
struct Accelerator {
  std::string_view name;
  std::array<std::string_view, 3> prefixes;  ///< of module names; empty: none
  bool counts;                               ///< it adds what it forwards to conntrack's counters
};

// The first that fits. ECM and SFE synchronise each connection's counters from time to time; the
// module of MediaTek does so only with an option of its own.
constexpr std::array kAccelerators{
    Accelerator{
        "the Shortcut Forwarding Engine", {"shortcut_fe", "fast_classifier", "qca_nss_sfe"}, true},
    Accelerator{"Qualcomm's connection manager (NSS, ECM)", {"qca_nss_", "ecm", ""}, true},
    Accelerator{"MediaTek's HNAT", {"mtkhnat", "mtk_hnat", "mtk_ppe"}, false},
};

/// `ecm` and `ecm_…`, but not another word that begins so.
bool fits(std::string_view module, std::string_view prefix) {
  if (prefix.empty() || module.substr(0, prefix.size()) != prefix) return false;
  const std::string_view rest = module.substr(prefix.size());
  return prefix.back() == '_' || rest.empty() || rest.front() == '_';
}

bool is_part_of(const Accelerator& accelerator, std::string_view module) {
  if (module == "qca_nss_dp") return false;  // the driver of the ports, which also works alone
  for (const std::string_view prefix : accelerator.prefixes) {
    if (fits(module, prefix)) return true;
  }
  return false;
}

/// By accelerator.
using LoadedModules = std::array<std::vector<std::string>, kAccelerators.size()>;

LoadedModules loaded_modules(const std::string& modules) {
  LoadedModules loaded;
  std::ifstream file(modules);
  for (std::string line; std::getline(file, line);) {
    std::string name = line.substr(0, line.find(' '));
    for (std::size_t i = 0; i < kAccelerators.size(); ++i) {
      if (!is_part_of(kAccelerators[i], name)) continue;
      loaded[i].push_back(std::move(name));
      break;
    }
  }
  return loaded;
}

/// The programs of netfilter leave a connection that a flowtable took over to conntrack; a patched
/// kernel counts what the driver reports.
bool misses_hardware(const Capabilities& measured) {
  return measured.counters && measured.origin == MeasurementOrigin::kFentry;
}

bool is_uncounted(const Flowtable& flowtable, const Capabilities& measured) {
  const bool measures = measured.counters && measured.flowtables;
  if (flowtable.hardware && misses_hardware(measured)) return true;
  return !flowtable.counter && !measures;
}

Finding not_counted(const std::string& who, const std::string& why, const std::string& fix) {
  return {"hardware_uncounted",
          fmt::format("packets that {} forwards are not in the Flow Records: {}", who, why), fix};
}

Finding judge(const Accelerator& accelerator, const std::vector<std::string>& modules,
              const Capabilities& measured) {
  const std::string who = fmt::format("{} (module {})", accelerator.name, fmt::join(modules, ", "));
  // It changes conntrack's counters, and no others: those of programs and of a patched kernel
  // count what passes functions of the kernel.
  if (measured.counters) {
    return not_counted(who,
                       fmt::format("{} counts what passes the kernel", name_of(measured.origin)),
                       accelerator.counts ? kUseConntrack : "switch the acceleration off");
  }
  if (!accelerator.counts) {
    return not_counted(who, "it adds them to conntrack's counters only with a setting of its own",
                       "switch its accounting of each flow on, or the acceleration off");
  }
  return {"hardware_offload",
          fmt::format("{} forwards packets past the kernel and adds them to conntrack's counters "
                      "from time to time: an interim report has what was added until then, and "
                      "times of last packets are late by as much",
                      who),
          "compare with the counters of interfaces; where reports must be exact, switch the "
          "acceleration off"};
}

/// Of those that judge() returns: what is forwarded is counted.
bool is_note(const Finding& finding) { return finding.name == "hardware_offload"; }

}  // namespace

Findings check_offload(const std::vector<Flowtable>& flowtables, const Capabilities& measured) {
  Findings found;
  for (const Flowtable& one : flowtables) {
    if (!one.hardware || !one.counter) continue;
    const std::string who = fmt::format("the network hardware for flowtable {}", one.name);
    if (misses_hardware(measured)) {
      found.wrong.push_back(
          not_counted(who, "fentry counts what passes the kernel", kUseConntrack));
      continue;
    }
    found.notes.push_back(
        {"hardware_offload",
         fmt::format(
             "packets that {} forwards are in the Flow Records if its driver reports how many "
             "they were; the kernel asks every few seconds, so that reports and times of "
             "last packets are late by as much, and what came after the last question is "
             "missing at the end",
             who),
         fmt::format(
             "compare with the counters of interfaces; to count all, remove `flags offload` "
             "from flowtable {}",
             one.name)});
  }
  return found;
}

Findings check_accelerators(const Capabilities& measured, const std::string& modules) {
  const LoadedModules loaded = loaded_modules(modules);
  Findings found;
  for (std::size_t i = 0; i < kAccelerators.size(); ++i) {
    if (loaded[i].empty()) continue;
    Finding one = judge(kAccelerators[i], loaded[i], measured);
    auto& kind = is_note(one) ? found.notes : found.wrong;
    kind.push_back(std::move(one));
  }
  return found;
}

std::vector<UncountedForwarder> uncounted_forwarders(const std::vector<Flowtable>& flowtables,
                                                     const Capabilities& measured,
                                                     const std::string& modules) {
  std::vector<UncountedForwarder> found;
  for (const Flowtable& one : flowtables) {
    if (!one.used || !is_uncounted(one, measured)) continue;
    found.push_back({one.counter ? "hardware_uncounted" : "flowtable_uncounted", one.name});
  }
  const LoadedModules loaded = loaded_modules(modules);
  for (std::size_t i = 0; i < kAccelerators.size(); ++i) {
    if (loaded[i].empty()) continue;
    Finding one = judge(kAccelerators[i], loaded[i], measured);
    if (is_note(one)) continue;
    found.push_back({std::move(one.name), std::string(kAccelerators[i].name)});
  }
  return found;
}

}  // namespace ctflow
