// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/origin_databases.hpp"

#include <algorithm>
#include <utility>

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
                                 const std::vector<DatabaseChoice>& choices,
                                 const OriginDatabases* before,
                                 const FollowedDatabase::Alone& alone) {
  const FirstRead first = before != nullptr ? FirstRead::kInThread : FirstRead::kAtOnce;
  databases_.reserve(choices.size());
  for (const DatabaseChoice& one : choices) {
    if (one.content == DatabaseContent::kUserName) {
      if (before != nullptr && before->user_names_ &&
          before->user_names_->status().file == one.file) {
        user_names_ = before->user_names_;
        continue;
      }
      const auto read = [](const std::string& file) {
        return std::make_unique<const UserNames>(file);
      };
      user_names_ = std::make_shared<const FollowedFile<UserNames>>(
          io, one.file, one.setting, read, FollowedFile<UserNames>::kInterval, first, alone);
    } else {
      auto followed = before != nullptr ? before->find(one) : nullptr;
      if (!followed) {
        followed = std::make_shared<const FollowedDatabase>(
            io, one.file, one.content, one.setting, first, FollowedFile<NetworkDatabase>::kInterval,
            alone);
      }
      databases_.push_back({one, std::move(followed)});
    }
  }
}

std::shared_ptr<const FollowedDatabase> OriginDatabases::find(const DatabaseChoice& choice) const {
  const auto place = std::find_if(databases_.begin(), databases_.end(),
                                  [&](const Database& one) { return one.choice == choice; });
  return place == databases_.end() ? nullptr : place->followed;
}

bool OriginDatabases::waiting() const {
  return (user_names_ && !user_names_->was_read()) ||
         std::any_of(databases_.begin(), databases_.end(),
                     [](const Database& one) { return !one.followed->was_read(); });
}

std::vector<DatabaseStatus> OriginDatabases::status() const {
  std::vector<DatabaseStatus> all;
  all.reserve(databases_.size() + 1);
  for (const Database& one : databases_) all.push_back(one.followed->status());
  if (user_names_) all.push_back(user_names_->status());
  return all;
}

}  // namespace ctflow
