// SPDX-License-Identifier: GPL-2.0-or-later
// The file of one day, for writing.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "nat_log/day.hpp"
#include "nat_log/day_maps.hpp"
#include "nat_log/translation.hpp"
#include "sqlite/sqlite.hpp"

namespace ctflow::nat {

/// How much of the times of a row is known, as bits.
namespace unsure {
inline constexpr int kBegan = 1;  ///< it began at this time or before
inline constexpr int kEnded = 2;  ///< it ended at this time or before
}  // namespace unsure

/// What the log may lack because it is not read, as bits: the first three by source.filter.
namespace left_out {
inline constexpr int kTcp = 1;
inline constexpr int kUdp = 2;
inline constexpr int kOthers = 4;  ///< other protocols
inline constexpr int kZones = 8;   ///< conntrack zones that the entry of `namespaces` does not name

constexpr int bit_of(std::uint8_t protocol) {
  if (protocol == IPPROTO_TCP) return kTcp;
  return protocol == IPPROTO_UDP ? kUdp : kOthers;
}
}  // namespace left_out

/// A time for which the log is incomplete.
struct Hole {
  Moment began{};
  std::optional<Moment> ended{};  ///< nothing: it goes on
  std::string reason{};           ///< one of the words of docs/nat-log.md
  std::int64_t connections = 0;   ///< beginnings and ends that are missing, where that is known
};

/// All functions throw SqliteError. Nothing is kept without a commit().
class DayFile {
 public:
  /// Opens it, or makes it. One that was sealed is opened again.
  DayFile(const std::string& directory, Day day);

  [[nodiscard]] Day day() const { return day_; }
  [[nodiscard]] bool replaced() const { return database_.replaced(); }

  /// Does nothing within a transaction. `durable`: with the commit this and all earlier
  /// transactions are on the disk; else a power cut may take some of the last ones.
  void begin(bool durable);
  void commit();
  /// Never throws.
  void rollback() noexcept;
  [[nodiscard]] bool in_transaction() const { return in_transaction_; }

  /// A row. One that is there already stays as it is: false. `remote`: also log the other end.
  bool insert(const Translation& translation, Moment began, std::optional<Moment> ended, int unsure,
              bool remote);
  void end(const Translation& translation, Moment began, Moment ended, int unsure);
  /// A row that has ended has not.
  void reopen(const Translation& translation, Moment began);

  void add_hole(const Hole& hole);
  /// Those that went on end here.
  void end_holes(Moment at);
  /// Those of this reason that contain this time end there.
  void cut_holes(std::string_view reason, Moment at);

  /// What was written until then is in the file.
  void set_last_commit(Moment time);
  [[nodiscard]] std::optional<Moment> last_commit();

  /// The entries of maps that have not ended held until then, at least.
  void set_maps_until(Moment time);
  [[nodiscard]] std::optional<Moment> maps_until();

  /// The earliest day that a translation which existed on this day may be in.
  void set_carried_from(Day day);
  [[nodiscard]] std::optional<Day> carried_from();

  /// Takes over the rows of an earlier file, which is to be removed, that existed on this day or
  /// later. False: that file cannot say which these are.
  bool take_over(DayFile& earlier);

  /// What was left out on this day, beside what was before: bits of left_out::.
  void add_left_out(int what);

  /// Rows without an end: their translation, without inside and remote, and their begin.
  void for_each_open(const std::function<void(const Translation&, Moment began)>& take);
  [[nodiscard]] bool has_open();

  [[nodiscard]] DayMaps& maps() { return maps_; }

  /// Nothing follows: leaves one file that needs no other, and cannot be written by mistake.
  void seal();

 private:
  std::optional<std::int64_t> number(std::string_view key);
  std::optional<Moment> time(std::string_view key);
  void set_number(std::string_view key, std::int64_t value);
  void note_zones();
  [[nodiscard]] bool knows_what_went_on();
  [[nodiscard]] std::int64_t offset(Moment time) const { return (time - day_).count(); }

  std::string path_;
  Day day_;
  Database database_;
  DayMaps maps_;
  std::optional<Statement> insert_;
  std::optional<Statement> end_;
  std::optional<Statement> reopen_;
  std::optional<Statement> set_number_;
  bool in_transaction_ = false;
  bool durable_ = false;
  bool zones_noted_ = false;  ///< it has rows of zones, and says so
};

}  // namespace ctflow::nat
