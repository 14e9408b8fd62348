// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/database_check.hpp"

#include <stdexcept>

#include "enrich/origin/network_database.hpp"
#include "enrich/origin/origin_databases.hpp"

namespace ctflow {

Findings check_databases(const Config& config) {
  Findings found;
  for (const DatabaseChoice& one : databases_of(config)) {
    try {
      if (one.content == DatabaseContent::kUserName) {
        const UserNames names(one.file);
      } else {
        const NetworkDatabase database(one.file, one.content);
      }
    } catch (const std::runtime_error& error) {
      found.wrong.push_back(
          {"database_unusable",
           std::string(error.what()) + "; what it is to say is exported as unknown",
           "put a complete file there that this user can read", one.setting});
    }
  }
  return found;
}

}  // namespace ctflow
