// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/origin_databases.hpp"

#include <algorithm>

#include "ctflow/config.hpp"

namespace ctflow {

bool asks_as_numbers(const Config& config) {
  const auto asks = [](const CollectorConfig& collector) {
    return std::any_of(collector.elements.begin(), collector.elements.end(),
                       [](const std::string& name) {
                         return name == "bgpSourceAsNumber" || name == "bgpDestinationAsNumber";
                       });
  };
  return config.accounting.counts_by(AccountingKey::kAsn) ||
         std::any_of(config.collectors.begin(), config.collectors.end(), asks);
}

bool asks_countries(const Config& config) {
  return config.accounting.counts_by(AccountingKey::kCountry);
}

std::vector<DatabaseChoice> databases_of(const Config& config) {
  std::vector<DatabaseChoice> choices;
  if (asks_as_numbers(config) && !config.enrich.as_database.empty()) {
    choices.push_back({"as_database", config.enrich.as_database, DatabaseContent::kAsNumber});
  }
  if (asks_countries(config) && !config.enrich.country_database.empty()) {
    choices.push_back(
        {"country_database", config.enrich.country_database, DatabaseContent::kCountry});
  }
  return choices;
}

OriginDatabases::OriginDatabases(boost::asio::io_context& io,
                                 const std::vector<DatabaseChoice>& choices) {
  databases_.reserve(choices.size());
  for (const DatabaseChoice& one : choices) {
    databases_.push_back(
        std::make_unique<FollowedDatabase>(io, one.file, one.content, one.setting));
  }
}

std::vector<DatabaseStatus> OriginDatabases::status() const {
  std::vector<DatabaseStatus> all;
  all.reserve(databases_.size());
  for (const auto& one : databases_) all.push_back(one->status());
  return all;
}

}  // namespace ctflow
