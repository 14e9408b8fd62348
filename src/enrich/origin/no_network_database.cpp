// SPDX-License-Identifier: GPL-2.0-or-later
// A build without libmaxminddb (CTFLOWD_MAXMIND=OFF).
#include <stdexcept>

#include "enrich/origin/network_database.hpp"

namespace ctflow {

struct NetworkDatabase::Opened {};

NetworkDatabase::NetworkDatabase(const std::string& file, DatabaseContent content)
    : content_(content) {
  throw std::runtime_error(file + ": this ctflowd was built without libmaxminddb");
}

NetworkDatabase::~NetworkDatabase() = default;

void NetworkDatabase::find(AddressFamily /*family*/, const IpAddress& /*address*/,
                           NetworkOrigin& /*origin*/) const {
  static_cast<void>(content_);
}

}  // namespace ctflow
