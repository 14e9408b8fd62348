// SPDX-License-Identifier: GPL-2.0-or-later
// Interfaces from the configuration.
#pragma once

#include <utility>

#include "ctflow/config.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/enricher.hpp"

namespace ctflow {

/// Gives the configured interfaces, by mark, by zone or constant, to every flow whose interfaces
/// the kernel did not measure.
class ConstantInterfaces : public Enricher {
 public:
  /// What the configuration says of a connection.
  struct Choice {
    Interfaces interfaces;             ///< of the original direction
    const std::string* vrf = nullptr;  ///< name of the VRF device, null = not known
  };

  /// `counters` must outlive this.
  ConstantInterfaces(InterfacesConfig config, InterfaceCounters& counters)
      : config_(std::move(config)),
        counters_(counters),
        knows_none_(config_.by_mark.empty() && config_.by_zone.empty() && config_.ingress == 0 &&
                    config_.egress == 0) {}

  [[nodiscard]] Choice choose(const Flow& flow) const {
    for (const MarkInterfaces& entry : config_.by_mark) {
      if ((flow.mark & entry.mask) == entry.mark) return choice_of(entry);
    }
    for (const ZoneInterfaces& entry : config_.by_zone) {
      // With a zone for one direction only, that is the one that distinguishes networks.
      if (flow.original.zone == entry.zone || flow.reply.zone == entry.zone) {
        return choice_of(entry);
      }
    }
    return {{config_.ingress, config_.egress}, nullptr};
  }

  void enrich(Flow& flow) override {
    // As a rule nothing is configured.
    const bool measured = flow.extras.original.has_interfaces || flow.extras.reply.has_interfaces;
    if (!knows_none_ || measured) return enrich_by_settings(flow);
    flow.original_interfaces = flow.reply_interfaces = {};
    counters_.unknown += 2;
  }

 private:
  [[gnu::noinline]] void enrich_by_settings(Flow& flow) {
    const Interfaces original = choose(flow).interfaces;
    if (!flow.extras.original.has_interfaces) flow.original_interfaces = original;
    if (!flow.extras.reply.has_interfaces) {
      flow.reply_interfaces = {original.egress, original.ingress};
    }
    // A direction that the kernel has seen has passed both sides.
    const bool measured = flow.extras.original.has_interfaces || flow.extras.reply.has_interfaces;
    count(measured, original.ingress);
    count(measured, original.egress);
  }

  void count(bool measured, std::uint32_t configured) {
    if (measured) {
      ++counters_.from_kernel;
    } else if (configured != 0) {
      ++counters_.from_settings;
    } else {
      ++counters_.unknown;
    }
  }

  /// Where an entry leaves an interface open, the constants hold.
  template <typename Entry>
  [[nodiscard]] Choice choice_of(const Entry& entry) const {
    return {{entry.ingress != 0 ? entry.ingress : config_.ingress,
             entry.egress != 0 ? entry.egress : config_.egress},
            entry.vrf.empty() ? nullptr : &entry.vrf};
  }

  InterfacesConfig config_;
  InterfaceCounters& counters_;
  const bool knows_none_;
};

}  // namespace ctflow
