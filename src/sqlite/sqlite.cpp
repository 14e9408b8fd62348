// SPDX-License-Identifier: GPL-2.0-or-later
#include "sqlite/sqlite.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "process/directory_obstacle.hpp"
#include "process/disk_errors.hpp"
#include "text/errno_text.hpp"

namespace ctflow {
namespace {

FailureKind kind_of(const std::error_code& error) {
  if (lacks_room(error)) return FailureKind::kDiskFull;
  if (error == std::errc::read_only_file_system) return FailureKind::kReadOnly;
  if (error == std::errc::device_or_resource_busy) return FailureKind::kInUse;
  const bool no_access =
      error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
      error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  return no_access ? FailureKind::kNoAccess : FailureKind::kFile;
}

/// Where the file does not exist: of the directory that would have it, or the nearest above.
bool is_read_only(const std::string& file) {
  std::filesystem::path place(file);
  struct statvfs found {};
  while (statvfs(place.c_str(), &found) != 0) {
    if ((errno != ENOENT && errno != ENOTDIR) || !place.has_relative_path()) return false;
    place = place.parent_path();
  }
  return (found.f_flag & ST_RDONLY) != 0;
}

/// A file that cannot be made is opened once more, for reading only, and the error is that of the
/// second time: that there is none.
FailureKind kind_of_unopened(const std::error_code& error, const std::string& file) {
  const FailureKind kind = kind_of(error);
  return kind == FailureKind::kNoAccess && is_read_only(file) ? FailureKind::kReadOnly : kind;
}

/// `handle`: null where there is none.
FailureKind kind_of(int code, const std::string& file, sqlite3* handle) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return FailureKind::kDiskFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return FailureKind::kDamaged;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return FailureKind::kInUse;
    case SQLITE_PERM:
      return FailureKind::kNoAccess;
    case SQLITE_READONLY:
      return is_read_only(file) ? FailureKind::kReadOnly : FailureKind::kNoAccess;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      if (handle == nullptr) break;
      return kind_of_unopened({sqlite3_system_errno(handle), std::generic_category()}, file);
    default:
      break;
  }
  return FailureKind::kFile;
}

/// Even to read a database SQLite makes files beside it, where no other program has made them.
bool lacks_files_beside(int code, const std::string& file, sqlite3* handle) {
  if (code == SQLITE_READONLY_DIRECTORY || code == SQLITE_READONLY_CANTINIT) return true;
  std::error_code ignored;
  return (code & 0xff) == SQLITE_CANTOPEN && sqlite3_system_errno(handle) == ENOENT &&
         std::filesystem::exists(file, ignored);
}

/// What the system says, of which SQLite's own text has nothing. Where the file was to be made see
/// kind_of_unopened(): the obstacle is in the directory. Empty: it says nothing.
std::string system_reason(int code, const std::string& file, sqlite3* handle,
                          Database::Access access) {
  if (handle == nullptr) return "";
  if (access == Database::Access::kRead && lacks_files_beside(code, file, handle)) {
    return ": while ctflowd does not run, a reader must be allowed to make files in its directory";
  }
  const int primary = code & 0xff;
  if (primary != SQLITE_CANTOPEN && primary != SQLITE_IOERR) return "";
  const int error = sqlite3_system_errno(handle);
  if (error == ENOENT && access == Database::Access::kCreate) {
    const std::string directory = std::filesystem::path(file).parent_path().string();
    const std::string obstacle =
        obstacle_in(directory.empty() ? "." : directory, DirectoryUse::kMakeFiles);
    if (!obstacle.empty()) return fmt::format(": {}: {}", directory, obstacle);
  }
  const bool writes = access != Database::Access::kRead;
  if (error == ENOENT && writes && is_read_only(file)) return ": " + text::errno_text(EROFS);
  return error == 0 ? "" : ": " + text::errno_text(error);
}

[[noreturn]] void throw_failure(int code, const std::string& file, sqlite3* handle,
                                Database::Access access) {
  const char* const why = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  throw SqliteError(fmt::format("{}: {}{}", file, why, system_reason(code, file, handle, access)),
                    kind_of(code, file, handle));
}

/// What is on a file system that is read-only, and in one file. SQLite would make others beside it
/// to read it, unless it knows that it does not change.
bool is_immutable(const std::string& file) {
  std::error_code ignored;
  const auto has = [&](const char* ending) {
    return std::filesystem::exists(file + ending, ignored);
  };
  return is_read_only(file) && !has("-wal") && !has("-shm");
}

std::string immutable_uri(const std::string& file) {
  std::string uri = file.starts_with('/') ? "file://" : "file:";
  for (const char c : file) {
    const bool is_special = c == '%' || c == '?' || c == '#';
    uri += is_special ? fmt::format("%{:02x}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return uri + "?immutable=1";
}

int flags_of(Database::Access access) {
  switch (access) {
    case Database::Access::kRead:
      return SQLITE_OPEN_READONLY;
    case Database::Access::kWrite:
      return SQLITE_OPEN_READWRITE;
    case Database::Access::kCreate:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  return 0;
}

}  // namespace

WriteFailure write_failure() {
  // Not by dynamic_cast: the small program has no type information but that of handlers.
  try {
    throw;
  } catch (const SqliteError& error) {
    return {error.kind(), error.what()};
  } catch (const std::system_error& error) {
    return {kind_of(error.code()), error.what()};
  } catch (const std::exception& error) {
    return {FailureKind::kFile, error.what()};
  }
}

Database::Database(const std::string& file, Access access)
    : file_(file), only_reads_(access == Access::kRead) {
  sqlite3* handle = nullptr;
  const bool immutable = only_reads_ && is_immutable(file);
  const int flags = flags_of(access) | SQLITE_OPEN_NOMUTEX | (immutable ? SQLITE_OPEN_URI : 0);
  const std::string name = immutable ? immutable_uri(file) : file;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) throw_failure(code, file, handle, access);
  id_ = file_id();
  constexpr int kPatience = 2000;  // milliseconds that another program may hold the file
  sqlite3_busy_timeout(handle, kPatience);
  sqlite3_extended_result_codes(handle, 1);
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  throw_failure(code, file_, handle_.get(), only_reads_ ? Access::kRead : Access::kWrite);
}

std::optional<Database::FileId> Database::file_id() const {
  struct stat found {};
  if (stat(file_.c_str(), &found) != 0) return std::nullopt;
  return FileId(found.st_dev, found.st_ino);
}

bool Database::replaced() const {
  const auto now = file_id();
  return now ? id_ && now != id_ : errno == ENOENT;
}

bool remove_for_good(const std::string& file) {
  constexpr int kSyncDirectory = 1;
  sqlite3_vfs* const files = sqlite3_vfs_find(nullptr);
  const int code = files->xDelete(files, file.c_str(), kSyncDirectory);
  return code == SQLITE_OK || code == SQLITE_IOERR_DELETE_NOENT;
}

Statement::Statement(const Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  statement_.reset(statement);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_->fail(code);
}

Statement& Statement::bind(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), index, value));
  return *this;
}

Statement& Statement::bind(int index, std::optional<std::int64_t> value) {
  if (value) return bind(index, *value);
  check(sqlite3_bind_null(statement_.get(), index));
  return *this;
}

Statement& Statement::bind(int index, std::span<const std::uint8_t> octets) {
  check(sqlite3_bind_blob(statement_.get(), index, octets.data(), static_cast<int>(octets.size()),
                          nullptr));
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  check(sqlite3_bind_text(statement_.get(), index, text.data(), static_cast<int>(text.size()),
                          nullptr));
  return *this;
}

Statement& Statement::bind_copy(int index, std::string_view text) {
  check(sqlite3_bind_text(statement_.get(), index, text.data(), static_cast<int>(text.size()),
                          SQLITE_TRANSIENT));  // NOLINT(performance-no-int-to-ptr): of SQLite
  return *this;
}

Statement& Statement::bind_copy(int index, std::span<const std::uint8_t> octets) {
  const int code =
      octets.empty() ? sqlite3_bind_zeroblob(statement_.get(), index, 0)  // no data would be NULL
                     : sqlite3_bind_blob(
                           statement_.get(), index, octets.data(), static_cast<int>(octets.size()),
                           SQLITE_TRANSIENT);  // NOLINT(performance-no-int-to-ptr): of SQLite
  check(code);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    reset();
    database_->fail(code);
  }
  return false;
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

void Statement::run() {
  while (step()) {
  }
  reset();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

bool Statement::is_blob(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_BLOB;
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::span<const std::uint8_t> Statement::octets(int column) const {
  const auto* const data =
      static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string Statement::text(int column) const {
  const auto all = octets(column);
  return {all.begin(), all.end()};
}

}  // namespace ctflow
