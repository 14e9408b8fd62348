// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/enrich_settings.hpp"

#include "config/missing_part.hpp"
#include "enrich/origin/origin_databases.hpp"

namespace ctflow::config {
namespace {

#ifdef CTFLOWD_MAXMIND
constexpr bool kCanLookUp = true;
#else
constexpr bool kCanLookUp = false;
#endif

}  // namespace

Section<EnrichConfig> enrich_settings() {
  using E = EnrichConfig;
  return {{
              value("as_database", kOptional, absolute_path(), &E::as_database),
              value("country_database", kOptional, absolute_path(), &E::country_database),
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
    return Complaint{"enrich",
                     "expected country_database, the file of a database such as "
                     "GeoLite2-Country.mmdb: accounting counts by country"};
  }
  // Last: all else is said as in any other build.
  if (!kCanLookUp && config.enrich != EnrichConfig()) return Complaint{"enrich", kWithoutMaxmind};
  return std::nullopt;
}

}  // namespace ctflow::config
