// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ctflow/config.hpp"
#include "ctflow/enricher.hpp"

namespace ctflow {

/// Gives every flow the configured interfaces.
class ConstantInterfaces : public Enricher {
 public:
  explicit ConstantInterfaces(const InterfacesConfig& config) : config_(config) {}

  void enrich(Flow& flow) override {
    flow.ingress_interface = config_.ingress;
    flow.egress_interface = config_.egress;
  }

 private:
  InterfacesConfig config_;
};

}  // namespace ctflow
