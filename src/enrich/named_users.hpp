// SPDX-License-Identifier: GPL-2.0-or-later
// Whose connection it is.
#pragma once

#include <memory>
#include <utility>

#include "ctflow/enricher.hpp"
#include "enrich/origin/origin_databases.hpp"

namespace ctflow {

/// Behind the enricher of MAC addresses, by which users may be named.
class NamedUsers : public Enricher {
 public:
  explicit NamedUsers(std::shared_ptr<const OriginDatabases> databases)
      : databases_(std::move(databases)) {}

  void enrich(Flow& flow) override {
    const UserNames* const names = databases_->user_names();
    flow.user = names == nullptr ? std::string_view() : names->find(flow);
  }

 private:
  std::shared_ptr<const OriginDatabases> databases_;
};

}  // namespace ctflow
