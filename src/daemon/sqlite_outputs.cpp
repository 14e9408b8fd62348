// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sqlite_outputs.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "accounting/accounting.hpp"
#include "doctor/offload_check.hpp"
#include "doctor/ruleset_check.hpp"
#include "nat_log/map_reader.hpp"
#include "nat_log/nat_log.hpp"
#include "nat_log/read_table.hpp"

namespace ctflow {
namespace {

/// What forwards packets past the counters of the namespace.
accounting::ReadUncounted uncounted_in(const NetworkNamespace& home) {
  return [home, again = MonoTime{}](const Capabilities& measured) mutable {
    // A kernel without nf_tables would look for its module each time.
    constexpr std::chrono::minutes kPause{10};
    constexpr std::size_t kMost = 64;
    std::vector<Flowtable> flowtables;
    const MonoTime now = system_now().steady;
    if (now >= again) {
      const auto visit = home.visit();
      if (read_flowtables(flowtables)) again = now + kPause;
    }
    accounting::Causes causes;
    for (const UncountedForwarder& one : uncounted_forwarders(flowtables, measured)) {
      if (causes.size() < kMost) causes.insert({one.finding, one.name});
    }
    return causes;
  };
}

/// The settings that keep connections from accounting.
std::vector<std::string> left_out_by(const SourceConfig& source) {
  std::vector<std::string> names;
  if (source.filter != FilterConfig{}) names.emplace_back("source.filter");
  if (!source.zones.empty()) names.emplace_back("zones of namespaces");
  return names;
}

}  // namespace

std::unique_ptr<Output> make_nat_log(const NatLogConfig& config,
                                     const std::shared_ptr<const OutputContext>& context,
                                     const NetworkNamespace& home, const SourceConfig& source,
                                     const Capabilities& measured) {
  std::unique_ptr<nat::MapSource> maps;
  if (config.log == NatLogRows::kExceptions) {
    maps = std::make_unique<nat::MapReader>(nat::ruleset_of(home));
  }
  return std::make_unique<NatLog>(config, nat::table_of(home, source, measured.ends), context,
                                  system_now, std::move(maps),
                                  nat::Feed{measured.ends, nat::left_out_by(source)});
}

std::unique_ptr<Output> make_accounting(const AccountingConfig& config,
                                        const std::shared_ptr<const OutputContext>& context,
                                        const NetworkNamespace& home, const SourceConfig& source,
                                        const std::shared_ptr<const NeighbourMirror>& neighbours) {
  // Others may ask for neighbours where no aggregate has devices.
  return std::make_unique<Accounting>(
      config, accounting::surroundings_of(home, config.inside), context, system_now,
      config.counts_by(AccountingKey::kDevice) ? neighbours : nullptr, uncounted_in(home),
      left_out_by(source));
}

}  // namespace ctflow
