// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/origin_databases.hpp"

#include <algorithm>

#include "ctflow/config.hpp"

namespace ctflow {
namespace {

bool has_element(const Config& config, const char* name) {
  return std::any_of(config.collectors.begin(), config.collectors.end(),
                     [name](const CollectorConfig& collector) {
                       const std::vector<std::string>& all = collector.elements;
                       return std::find(all.begin(), all.end(), name) != all.end();
                     });
}

}  // namespace

bool asks_as_numbers(const Config& config) {
  return config.accounting.counts_by(AccountingKey::kAsn) ||
         has_element(config, "bgpSourceAsNumber") || has_element(config, "bgpDestinationAsNumber");
}

bool asks_origins(const Config& config) {
  return std::any_of(config.log_connections.begin(), config.log_connections.end(),
                     [](const ConnectionLogConfig& log) { return log.network_origins; });
}

bool asks_user_names(const Config& config) { return has_element(config, "userName"); }

bool asks_countries(const Config& config) {
  return config.accounting.counts_by(AccountingKey::kCountry) ||
         has_element(config, "sourceCountry") || has_element(config, "destinationCountry");
}

std::vector<DatabaseChoice> databases_of(const Config& config) {
  std::vector<DatabaseChoice> choices;
  const bool origins = asks_origins(config);
  if ((origins || asks_as_numbers(config)) && !config.enrich.as_database.empty()) {
    choices.push_back({"as_database", config.enrich.as_database, DatabaseContent::kAsNumber});
  }
  if ((origins || asks_countries(config)) && !config.enrich.country_database.empty()) {
    choices.push_back(
        {"country_database", config.enrich.country_database, DatabaseContent::kCountry});
  }
  if (asks_user_names(config) && !config.enrich.user_names.empty()) {
    choices.push_back({"user_names", config.enrich.user_names, DatabaseContent::kUserName});
  }
  return choices;
}

OriginDatabases::OriginDatabases(boost::asio::io_context& io,
                                 const std::vector<DatabaseChoice>& choices) {
  databases_.reserve(choices.size());
  for (const DatabaseChoice& one : choices) {
    if (one.content == DatabaseContent::kUserName) {
      const auto read = [](const std::string& file) {
        return std::make_unique<const UserNames>(file);
      };
      user_names_ = std::make_unique<FollowedFile<UserNames>>(io, one.file, one.setting, read,
                                                              FollowedFile<UserNames>::kInterval);
    } else {
      databases_.push_back(
          std::make_unique<FollowedDatabase>(io, one.file, one.content, one.setting));
    }
  }
}

std::vector<DatabaseStatus> OriginDatabases::status() const {
  std::vector<DatabaseStatus> all;
  all.reserve(databases_.size() + 1);
  for (const auto& one : databases_) all.push_back(one->status());
  if (user_names_) all.push_back(user_names_->status());
  return all;
}

}  // namespace ctflow
