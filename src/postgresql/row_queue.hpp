// SPDX-License-Identifier: GPL-2.0-or-later
// Rows that wait for the server, and the batch that is being written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/encoder.hpp"
#include "ctflow/flow.hpp"
#include "postgresql/statements.hpp"

namespace ctflow::postgresql {

/// Rows that came together: a message of the ledger.
struct Rows {
  std::string text{};
  MessageContent content{};
  std::vector<Day> days{};  ///< of `reported`, each once
  TimePoint since{};        ///< they wait, by the wall clock
};

/// Pieces leave in their order, some of them as one batch.
class RowQueue {
 public:
  /// `limit`: octets that wait, the batch included.
  explicit RowQueue(std::size_t limit) : limit_(limit) {}

  /// False, and `rows` as it was: no room.
  [[nodiscard]] bool add(Rows& rows);

  /// The batch, of what waits if there was none. Null: nothing waits. The same with the same number
  /// until one of the next three functions is called.
  [[nodiscard]] const std::vector<Rows>* batch();
  [[nodiscard]] std::uint64_t number() const { return number_; }

  /// The batch is written: its pieces.
  [[nodiscard]] std::vector<Rows> written();
  /// The server refuses the batch. What is in it comes again in smaller ones, down to one row.
  /// The row, if the batch was only that; else nothing, and `*added` is how many pieces there are
  /// more than before.
  [[nodiscard]] std::optional<Rows> refused(std::size_t* added);

  [[nodiscard]] bool empty() const { return waiting_.empty() && batch_.empty(); }
  [[nodiscard]] std::size_t octets() const { return octets_; }
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::optional<TimePoint> oldest() const;

  /// Octets of a batch, about.
  static constexpr std::size_t kBatch = std::size_t{1} << 20;

 private:
  std::size_t limit_;
  std::deque<Rows> waiting_;
  std::vector<Rows> batch_;
  std::uint64_t number_ = 0;  ///< grows with each batch
  std::size_t octets_ = 0;
  std::size_t alone_ = 0;  ///< so many pieces of `waiting_` are a batch each: one has a bad row
};

}  // namespace ctflow::postgresql
