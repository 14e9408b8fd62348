// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/find_extras.hpp"

#include <utility>

#include "extras/from_bpf/from_netfilter.hpp"
#include "extras/from_bpf/netfilter_programs.hpp"
#include "extras/from_patch/from_patch.hpp"

namespace ctflow {
namespace {

class NoExtras final : public ExtrasSource {
 public:
  [[nodiscard]] const Capabilities& capabilities() const override { return capabilities_; }
  const Capabilities& refresh() override { return capabilities_; }
  void add(Flow& flow) override {
    if (flow.extras.present) flow.extras = {};
  }

 private:
  Capabilities capabilities_;
};

}  // namespace

std::unique_ptr<ExtrasSource> no_extras() { return std::make_unique<NoExtras>(); }

std::unique_ptr<ExtrasSource> netfilter_extras(const SourceConfig& config, std::string& obstacle,
                                               const std::string& directory) {
  auto entries = attach_netfilter_programs(obstacle, directory);
  if (!entries) return nullptr;
  return std::make_unique<FromNetfilter>(config.wire_counters, std::move(entries));
}

std::unique_ptr<ExtrasSource> patch_extras(const SourceConfig& config,
                                           const std::string& directory) {
  return std::make_unique<FromPatch>(config.wire_counters,
                                     [directory] { return read_patch_capabilities(directory); });
}

Capabilities find_capabilities(const SourceConfig& config, const std::string& directory) {
  if (config.measure == Measure::kOff) return {};
  return patch_extras(config, directory)->capabilities();
}

std::unique_ptr<ExtrasSource> recorded_extras(const SourceConfig& config) {
  return std::make_unique<FromPatch>(config.wire_counters, [] {
    return Capabilities{.origin = MeasurementOrigin::kKernelPatch,
                        .times = true,
                        .counters = true,
                        .interfaces = true,
                        .flags = true};
  });
}

}  // namespace ctflow
