// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/usage_json.hpp"

#include <nlohmann/json.hpp>

namespace ctflow {
namespace {

using UsageJson = nlohmann::ordered_json;

UsageJson series_json(const UsageSeries& one) {
  return UsageJson{{"key", one.key},
                   {"name", one.name},
                   {"direction", one.direction},
                   {"down_octets", one.down_octets},
                   {"up_octets", one.up_octets},
                   {"down_packets", one.down_packets},
                   {"up_packets", one.up_packets},
                   {"connections", one.connections}};
}

}  // namespace

std::string usage_json(const std::vector<NamespaceUsage>& all, MonoTime at) {
  UsageJson namespaces = UsageJson::array();
  for (const NamespaceUsage& one : all) {
    UsageJson series = UsageJson::array();
    if (one.usage) {
      for (const UsageSeries& each : one.usage->series) series.push_back(series_json(each));
    }
    namespaces.push_back(
        {{"name", one.name},
         {"by", one.usage ? UsageJson(word_of(one.usage->by)) : UsageJson(nullptr)},
         {"reported_every_seconds", std::chrono::duration<double>(one.reported_every).count()},
         {"series", std::move(series)}});
  }
  const UsageJson out{{"v", 1},
                      {"seconds", std::chrono::duration<double>(at.time_since_epoch()).count()},
                      {"namespaces", std::move(namespaces)}};
  return out.dump(2, ' ', false, UsageJson::error_handler_t::replace) + "\n";
}

}  // namespace ctflow
