// SPDX-License-Identifier: GPL-2.0-or-later
// The part of SQLite that is used here, with owners and exceptions.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "ctflow/transport_status.hpp"

namespace ctflow {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(const std::string& what, FailureKind kind) : std::runtime_error(what), kind_(kind) {}

  [[nodiscard]] FailureKind kind() const { return kind_; }

 private:
  FailureKind kind_;
};

/// Why a database could not be written.
struct WriteFailure {
  FailureKind kind = FailureKind::kFile;
  std::string why{};
};

/// By the exception that is handled, which a function here, or of std::filesystem, threw. Only
/// within a handler.
WriteFailure write_failure();

/// All functions throw SqliteError, whose text names the file.
class Database {
 public:
  enum class Access : std::uint8_t { kRead, kWrite, kCreate };

  Database(const std::string& file, Access access);

  void execute(const std::string& sql);

  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  [[nodiscard]] const std::string& file() const { return file_; }
  /// Its name is that of another file by now, or of none: who looks there misses what is written.
  [[nodiscard]] bool replaced() const;
  /// Rows that the last statement changed.
  [[nodiscard]] int changes() const { return sqlite3_changes(handle_.get()); }

  [[noreturn]] void fail(int code) const;

 private:
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  using FileId = std::pair<dev_t, ino_t>;
  /// Nothing: there is none of that name, or it is not known.
  [[nodiscard]] std::optional<FileId> file_id() const;

  std::string file_;
  bool only_reads_;
  std::unique_ptr<sqlite3, Closer> handle_;
  std::optional<FileId> id_;
};

/// Removes a file beside databases, so that no power cut brings it back. False: it may be there.
bool remove_for_good(const std::string& file);

/// A prepared statement. Parameters and columns count from 1 and 0, as SQLite's.
class Statement {
 public:
  Statement(const Database& database, std::string_view sql);

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::optional<std::int64_t> value);
  /// Not copied: valid until run() or the next reset().
  Statement& bind(int index, std::span<const std::uint8_t> octets);
  Statement& bind(int index, std::string_view text);
  /// Copied.
  Statement& bind_copy(int index, std::string_view text);
  Statement& bind_copy(int index, std::span<const std::uint8_t> octets);

  /// True: there is a row.
  bool step();
  void reset();
  /// step() to the end, then reset().
  void run();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] bool is_blob(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::span<const std::uint8_t> octets(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void check(int code) const;

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

}  // namespace ctflow
