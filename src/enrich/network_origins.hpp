// SPDX-License-Identifier: GPL-2.0-or-later
// What databases of networks say of both ends of a connection.
#pragma once

#include <memory>
#include <utility>

#include "ctflow/enricher.hpp"
#include "enrich/origin/origin_databases.hpp"

namespace ctflow {

/// Of the addresses that the Flow Records carry, those before translation: of an inside host behind
/// NAT nothing is known, of the public address at which a forwarded port is reached what is known
/// of that. Where IPv6 is translated to IPv4 the responder is looked up by its IPv4 address, which
/// the one before translation only stands for.
class NetworkOrigins : public Enricher {
 public:
  explicit NetworkOrigins(std::shared_ptr<const OriginDatabases> databases)
      : databases_(std::move(databases)) {}

  void enrich(Flow& flow) override {
    const Tuple& original = flow.original;
    const Tuple& reply = flow.reply;
    const bool other_family = reply.family != original.family;
    flow.initiator_origin = databases_->find(original.family, original.source);
    flow.responder_origin = other_family ? databases_->find(reply.family, reply.source)
                                         : databases_->find(original.family, original.destination);
  }

 private:
  std::shared_ptr<const OriginDatabases> databases_;
};

}  // namespace ctflow
