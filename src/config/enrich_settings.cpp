// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/enrich_settings.hpp"

#include "config/missing_part.hpp"
#include "enrich/origin/origin_databases.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
Section<EnrichConfig> enrich_settings() {
  using E = EnrichConfig;
  return {{
              value("as_database", kOptional, absolute_path(), &E::as_database),
              value("country_database", kOptional, absolute_path(), &E::country_database),
              value("user_names", kOptional, absolute_path(), &E::user_names),
          },
          {}};
}

std::optional<Complaint> check_enrich(const Config& config) {
  if (asks_as_numbers(config) && config.enrich.as_database.empty()) {
    return Complaint{"enrich",
                     "expected as_database, the file of a database such as GeoLite2-ASN.mmdb: a "
                     "collector's elements have bgpSourceAsNumber or bgpDestinationAsNumber, or "
                     "accounting counts by asn"};
  }
  if (asks_countries(config) && config.enrich.country_database.empty()) {
    return Complaint{
        "enrich",
        "expected country_database, the file of a database such as "
        "GeoLite2-Country.mmdb: accounting counts by country, or a collector's elements "
        "have sourceCountry or destinationCountry"};
  }
  if (asks_origins(config) && config.enrich.as_database.empty() &&
      config.enrich.country_database.empty()) {
    return Complaint{"enrich",
                     "expected as_database or country_database, files of databases such as "
                     "GeoLite2-ASN.mmdb and GeoLite2-Country.mmdb: a connection log has "
                     "network_origins"};
  }
  if (asks_user_names(config) && config.enrich.user_names.empty()) {
    return Complaint{"enrich",
                     "expected user_names, a file with lines such as \"192.0.2.0/24 office\": a "
                     "collector's elements have userName"};
  }
  // Last: all else is said as in any other build.
  if (!built_parts().maxmind) {
    if (!config.enrich.as_database.empty() || !config.enrich.country_database.empty()) {
      return Complaint{"enrich", kWithoutMaxmind};
    }
  }
  return std::nullopt;
}

}  // namespace ctflow::config
