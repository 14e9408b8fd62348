// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for read_usage.cpp in a ctflowd without CTFLOWD_SQLITE.
#include "page/read_usage.hpp"

namespace ctflow::page {

UsageValues read_usage(const AccountingConfig& /*config*/, const std::string& network_namespace,
                       std::chrono::system_clock::time_point /*now*/) {
  UsageValues values;
  values.network_namespace = network_namespace;
  values.error = "built without SQLite";
  return values;
}

}  // namespace ctflow::page
