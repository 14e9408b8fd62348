// SPDX-License-Identifier: GPL-2.0-or-later
// Takes an address out of the files of the log.
#include <filesystem>

#include "nat_log/day_reader.hpp"
#include "nat_log/schema.hpp"

namespace ctflow::nat {

namespace {

/// Those of the newest file that have not ended are the operator's configuration, not what was.
void forget_entries(Database& database, const Endpoint& subject, bool newest, Forgotten& total) {
  Statement version(database, "PRAGMA user_version");
  if (!version.step() || version.number(0) < kSchemaWithMaps) return;
  version.reset();
  Statement(database,
            "UPDATE maps SET inside_address=NULL WHERE inside_address=?1 AND (ended IS NOT NULL "
            "OR NOT ?2)")
      .bind(1, octets_of(subject))
      .bind(2, std::int64_t{newest})
      .run();
  total.entries += database.changes();
  Statement left(database, "SELECT count(*) FROM maps WHERE inside_address=?1");
  if (left.bind(1, octets_of(subject)).step()) total.kept += left.number(0);
}

}  // namespace

Forgotten forget(const std::string& directory, const Endpoint& subject) {
  Forgotten total;
  const std::vector<Day> days = list_days(directory);
  for (const Day day : days) {
    if (!DayReader(directory, day).is_log()) continue;
    const std::string path = directory + "/" + file_name(day);
    const bool sealed = (std::filesystem::status(path).permissions() &
                         std::filesystem::perms::owner_write) == std::filesystem::perms::none;
    if (sealed) {
      std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                   std::filesystem::perm_options::add);
    }
    {
      Database database(path, Database::Access::kWrite);
      // What is overwritten must not stay in free pages or in the write-ahead log.
      database.execute("PRAGMA secure_delete=ON; BEGIN IMMEDIATE");
      Statement(database,
                "UPDATE nat SET inside_address=NULL, inside_port=NULL WHERE inside_address=?1")
          .bind(1, octets_of(subject))
          .run();
      total.inside += database.changes();
      Statement(database,
                "UPDATE nat SET remote_address=NULL, remote_port=NULL WHERE remote_address=?1")
          .bind(1, octets_of(subject))
          .run();
      total.remote += database.changes();
      forget_entries(database, subject, day == days.back(), total);
      database.execute("COMMIT");
      Statement checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)");
      if (checkpoint.step() && checkpoint.number(0) != 0) ++total.busy;
    }
    if (sealed) {
      std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                   std::filesystem::perm_options::remove);
    }
    ++total.files;
  }
  return total;
}

}  // namespace ctflow::nat
