// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/find_extras.hpp"

#include "extras/from_patch/from_patch.hpp"

namespace ctflow {

std::unique_ptr<ExtrasSource> find_extras(const SourceConfig& config,
                                          const std::string& directory) {
  return std::make_unique<FromPatch>(config.wire_counters,
                                     [directory] { return read_patch_capabilities(directory); });
}

Capabilities find_capabilities(const SourceConfig& config, const std::string& directory) {
  return find_extras(config, directory)->capabilities();
}

std::unique_ptr<ExtrasSource> recorded_extras(const SourceConfig& config) {
  return std::make_unique<FromPatch>(config.wire_counters, [] {
    return Capabilities{MeasurementOrigin::kKernelPatch, true, true, true, true, false};
  });
}

}  // namespace ctflow
