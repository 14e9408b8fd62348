// SPDX-License-Identifier: GPL-2.0-or-later
#include "sqlite/sqlite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

FailureKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception&) {
    return write_failure().kind;
  }
  return FailureKind::kNone;
}

class WriteFailureTest : public testing::Test {
 protected:
  Database make() const { return {file_, Database::Access::kCreate}; }

  test::TemporaryDirectory directory_;
  const std::string file_ = directory_.path("a.sqlite");
};

TEST_F(WriteFailureTest, OfAFileThatIsNoDatabaseIsDamage) {
  std::ofstream(file_) << std::string(4096, 'x');
  EXPECT_EQ(kind_of([&] { make().execute("CREATE TABLE a(b)"); }), FailureKind::kDamaged);
}

TEST_F(WriteFailureTest, OfADatabaseThatLostAPageIsDamage) {
  make().execute("CREATE TABLE a(b); INSERT INTO a VALUES(zeroblob(20000))");
  std::filesystem::resize_file(file_, 8192);
  EXPECT_EQ(kind_of([&] { make().execute("UPDATE a SET b = 1"); }), FailureKind::kDamaged);
}

TEST_F(WriteFailureTest, OfAFullDiskIsThat) {
  Database database = make();
  database.execute("CREATE TABLE a(b); PRAGMA max_page_count = 2");
  EXPECT_EQ(kind_of([&] { database.execute("INSERT INTO a VALUES(zeroblob(20000))"); }),
            FailureKind::kDiskFull);
}

TEST_F(WriteFailureTest, OfAFileThatMayOnlyBeReadIsAccess) {
  make().execute("CREATE TABLE a(b)");
  Database database(file_, Database::Access::kRead);
  EXPECT_EQ(kind_of([&] { database.execute("INSERT INTO a VALUES(1)"); }), FailureKind::kNoAccess);
}

TEST_F(WriteFailureTest, WithoutADirectoryIsAccess) {
  EXPECT_EQ(kind_of([&] { Database(directory_.path("no/a"), Database::Access::kCreate); }),
            FailureKind::kNoAccess);
}

// SQLite opens it again for reading only, and what it says then is that there is no file.
TEST_F(WriteFailureTest, OfAFileThatAReadOnlyFileSystemDoesNotHaveIsThat) {
  bool allowed = true;
  std::thread([&] {
    // In a mount namespace of this thread.
    const char* const place = directory_.name().c_str();
    allowed = unshare(CLONE_NEWNS) == 0 &&
              mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              mount("none", place, "tmpfs", MS_RDONLY, nullptr) == 0;
    if (!allowed) return;
    for (const char* const name : {"a.sqlite", "no/directory/a.sqlite"}) {
      EXPECT_EQ(kind_of([&] { Database(directory_.path(name), Database::Access::kCreate); }),
                FailureKind::kReadOnly)
          << name;
    }
    umount(place);
  }).join();
  if (!allowed) GTEST_SKIP() << "a file system of its own needs root";
}

TEST_F(WriteFailureTest, WhileAnotherWritesIsThat) {
  Database one = make();
  one.execute("CREATE TABLE a(b); BEGIN IMMEDIATE");
  Database other = make();
  sqlite3_busy_timeout(other.handle(), 0);
  EXPECT_EQ(kind_of([&] { other.execute("BEGIN IMMEDIATE"); }), FailureKind::kInUse);
}

TEST_F(WriteFailureTest, OfTheKernelIsByItsNumber) {
  const auto of = [](int number) {
    return kind_of([&] { throw std::system_error(number, std::generic_category()); });
  };
  EXPECT_EQ(of(ENOSPC), FailureKind::kDiskFull);
  EXPECT_EQ(of(EDQUOT), FailureKind::kDiskFull);
  EXPECT_EQ(of(EROFS), FailureKind::kReadOnly);
  EXPECT_EQ(of(EACCES), FailureKind::kNoAccess);
  EXPECT_EQ(of(EBUSY), FailureKind::kInUse);
  EXPECT_EQ(of(EIO), FailureKind::kFile);
}

TEST_F(WriteFailureTest, ADatabaseKnowsThatItsNameIsThatOfAnother) {
  Database database = make();
  EXPECT_FALSE(database.replaced());
  std::filesystem::rename(file_, directory_.path("b.sqlite"));
  EXPECT_TRUE(database.replaced());
  const Database other = make();
  EXPECT_TRUE(database.replaced());
  EXPECT_FALSE(other.replaced());
}

std::string reason_of(const std::string& file, Database::Access access) {
  try {
    const Database database(file, access);
  } catch (const SqliteError& error) {
    return error.what();
  }
  return "";
}

TEST_F(WriteFailureTest, HasTheReasonOfTheSystem) {
  using Access = Database::Access;
  for (const Access access : {Access::kRead, Access::kWrite}) {
    EXPECT_EQ(reason_of(file_, access),
              file_ + ": unable to open database file: No such file or directory");
  }
  EXPECT_EQ(reason_of(directory_.path("no/a"), Access::kCreate),
            directory_.path("no/a") + ": unable to open database file: " + directory_.path("no") +
                ": No such file or directory");
  EXPECT_EQ(reason_of(directory_.name(), Access::kCreate),
            directory_.name() + ": unable to open database file: Is a directory");
}

class ReadOnlyFileSystemTest : public testing::Test {
 protected:
  /// Does the second in a file system that has become read-only after the first.
  void in_two_steps(const std::function<void()>& first, const std::function<void()>& second) {
    bool allowed = true;
    std::thread([&] {
      // In a mount namespace of this thread.
      const char* const place = directory_.name().c_str();
      allowed = unshare(CLONE_NEWNS) == 0 &&
                mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                mount("none", place, "tmpfs", 0, nullptr) == 0;
      if (!allowed) return;
      first();
      allowed = mount("none", place, "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
      if (allowed) second();
      umount(place);
    }).join();
    if (!allowed) GTEST_SKIP() << "a file system of its own needs root";
  }

  void make() const {
    Database(file_, Database::Access::kCreate)
        .execute("PRAGMA journal_mode = WAL; CREATE TABLE a(b); INSERT INTO a VALUES(7)");
  }

  test::TemporaryDirectory directory_;
  const std::string file_ = directory_.path("50%, #1?.sqlite");
};

TEST_F(ReadOnlyFileSystemTest, HasDatabasesThatCanBeRead) {
  in_two_steps([&] { make(); },
               [&] {
                 const Database database(file_, Database::Access::kRead);
                 Statement select(database, "SELECT b FROM a");
                 ASSERT_TRUE(select.step());
                 EXPECT_EQ(select.number(0), 7);
               });
}

TEST_F(ReadOnlyFileSystemTest, SaysWhatAReaderNeedsWhereTransactionsAreBesideTheFile) {
  in_two_steps(
      [&] {
        make();
        std::ofstream(file_ + "-wal") << "transactions";
      },
      [&] {
        const Database database(file_, Database::Access::kRead);
        try {
          Statement(database, "SELECT b FROM a").step();
          ADD_FAILURE() << "read without them";
        } catch (const SqliteError& error) {
          EXPECT_THAT(error.what(), testing::HasSubstr("allowed to make files in its directory"));
        }
      });
}

TEST_F(ReadOnlyFileSystemTest, IsTheReasonWhyADatabaseCannotBeWritten) {
  in_two_steps([&] { make(); },
               [&] {
                 Database database(file_, Database::Access::kCreate);
                 try {
                   database.execute("INSERT INTO a VALUES(8)");
                   ADD_FAILURE() << "written";
                 } catch (const SqliteError& error) {
                   EXPECT_THAT(error.what(), testing::EndsWith(": Read-only file system"));
                   EXPECT_EQ(error.kind(), FailureKind::kReadOnly);
                 }
               });
}

}  // namespace
}  // namespace ctflow
