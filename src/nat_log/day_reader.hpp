// SPDX-License-Identifier: GPL-2.0-or-later
// The file of one day, for reading.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nat_log/look_up.hpp"

namespace ctflow::nat {

inline std::span<const std::uint8_t> octets_of(const Endpoint& endpoint) {
  return octets_of(endpoint.family, endpoint.address);
}

/// All that is read of it is of one moment: rows that were committed after they were looked for
/// must not be taken for complete. All functions throw SqliteError.
class DayReader {
 public:
  DayReader(const std::string& directory, Day day);

  /// False: nothing was ever committed to it.
  [[nodiscard]] bool is_log() const { return version_ > 0; }

  /// One of `meta`.
  std::optional<Moment> time(std::string_view key);

  /// Why connections of this protocol, or of any, may have been left out: bits of left_out::.
  int left_out(const std::optional<std::uint8_t>& protocol);

  /// Whether it has a row of another conntrack zone than 0, as far as it was noted.
  bool has_zones();

  /// Those that touch this time are appended, here and below.
  void holes(Moment from, Moment to, std::vector<Hole>& found);

  /// Of which a public address has rows.
  std::vector<std::uint8_t> protocols(const Endpoint& who);

  void rows(const Question& question, std::uint8_t protocol, std::vector<Found>& found);
  void for_each_row_of(const Endpoint& subject, const std::function<void(const Found&)>& take);

  /// Entries of static maps that a public address and port are in. None where the file has no maps.
  void map_entries(const Question& question, Moment from, Moment to, std::vector<Found>& found);
  void map_entries_of(const Endpoint& subject, std::vector<Found>& found);

 private:
  [[nodiscard]] Found read(const Statement& query) const;
  [[nodiscard]] Found read_entry(const Statement& query) const;
  [[nodiscard]] bool has_maps() const;
  [[nodiscard]] std::int64_t offset(Moment time) const { return (time - day_).count(); }

  Day day_;
  Database database_;
  std::int64_t version_ = 0;
};

/// The file of each day has the entries that held on it: makes one of those of several files.
void merge_days(std::vector<Found>& entries);

}  // namespace ctflow::nat
