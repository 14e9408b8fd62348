// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ctflow/config.hpp"
#include "ctflow/enricher.hpp"

namespace ctflow {

/// Gives the configured interfaces to every flow whose interfaces the kernel did not tell.
class ConstantInterfaces : public Enricher {
 public:
  explicit ConstantInterfaces(const InterfacesConfig& config) : config_(config) {}

  void enrich(Flow& flow) override {
    if (!flow.extras.original.has_interfaces) {
      flow.forward_interfaces = {config_.ingress, config_.egress};
    }
    if (!flow.extras.reply.has_interfaces) {
      flow.backward_interfaces = {config_.egress, config_.ingress};
    }
  }

 private:
  InterfacesConfig config_;
};

}  // namespace ctflow
