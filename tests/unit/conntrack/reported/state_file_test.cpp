// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/state_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "conntrack/flow/tuple_hash.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

class StateFileTest : public testing::Test {
 protected:
  StateFileTest() {
    directory_ =
        std::filesystem::temp_directory_path() / ("ctflowd-state-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory_);
    name_ = directory_ / "state";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static ReportedConnection connection(std::uint64_t key) {
    ReportedConnection one;
    one.key = key;
    one.original_counters = {key + 1, key + 2};
    one.reply_counters = {key + 3, key + 4};
    one.reported_until = TimePoint(std::chrono::nanoseconds(key + 5));
    return one;
  }

  StateFile file(const StateIdentity& identity = {"boot", 7, true}) const {
    return {name_, identity};
  }

  void save(std::size_t count) const {
    StateFile state = file();
    ASSERT_TRUE(state.begin());
    for (std::size_t i = 0; i < count; ++i) state.add(connection(100 + i));
    ASSERT_TRUE(state.commit());
  }

  static std::vector<ReportedConnection> load(const StateFile& state) {
    std::vector<ReportedConnection> found;
    const auto count = state.load([&](const ReportedConnection& one) { found.push_back(one); });
    EXPECT_EQ(count.value_or(0), found.size());
    return found;
  }

  std::string contents() const {
    std::ifstream stream(name_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void put(const std::string& text) const {
    std::ofstream(name_, std::ios::binary | std::ios::trunc) << text;
  }

  std::filesystem::path directory_;
  std::filesystem::path name_;
};

TEST_F(StateFileTest, GivesBackWhatWasSaved) {
  save(1000);
  const auto found = load(file());
  ASSERT_EQ(found.size(), 1000U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const ReportedConnection expected = connection(100 + i);
    EXPECT_EQ(found[i].key, expected.key);
    EXPECT_EQ(found[i].original_counters, expected.original_counters);
    EXPECT_EQ(found[i].reply_counters, expected.reply_counters);
    EXPECT_EQ(found[i].reported_until, expected.reported_until);
  }
}

TEST_F(StateFileTest, TellsAnEmptyTableFromNoFile) {
  EXPECT_EQ(file().load([](const ReportedConnection&) {}), std::nullopt);
  save(0);
  EXPECT_EQ(file().load([](const ReportedConnection&) {}), std::size_t{0});
}

TEST_F(StateFileTest, IsOfNoUseAfterAnotherBootInAnotherNamespaceOrWithOtherCounters) {
  save(3);
  EXPECT_TRUE(load(file({"another", 7, true})).empty());
  EXPECT_TRUE(load(file({"boot", 8, true})).empty());
  EXPECT_TRUE(load(file({"boot", 7, false})).empty());
  EXPECT_EQ(load(file()).size(), 3U);
}

TEST_F(StateFileTest, TakesNothingOfAFileThatIsTooShort) {
  save(3);
  const std::string whole = contents();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    put(whole.substr(0, length));
    EXPECT_TRUE(load(file()).empty()) << length;
  }
}

TEST_F(StateFileTest, TakesNothingOfAFileWithAWrongOctet) {
  save(3);
  const std::string whole = contents();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    put(damaged);
    EXPECT_TRUE(load(file()).empty()) << i;
  }
  put(whole + "x");
  EXPECT_TRUE(load(file()).empty());
}

TEST_F(StateFileTest, IsNotMisledByALength) {
  put(std::string("ctflowd4\xff\xff\xff\xff", 12));
  EXPECT_TRUE(load(file()).empty());
}

TEST_F(StateFileTest, KeepsTheOldFileUntilTheNewOneIsComplete) {
  save(3);
  StateFile state = file();
  ASSERT_TRUE(state.begin());
  state.add(connection(500));
  EXPECT_EQ(load(file()).size(), 3U);
  ASSERT_TRUE(state.commit());
  EXPECT_EQ(load(file()).size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(name_.string() + ".new"));
}

TEST_F(StateFileTest, KeepsTheOldFileWhenTheNewOneCannotBeWritten) {
  save(3);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{64, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  StateFile state = file();
  const bool began = state.begin();
  state.add(connection(500));
  const bool committed = state.commit();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(began);
  EXPECT_FALSE(committed);
  EXPECT_EQ(load(file()).size(), 3U);
}

TEST_F(StateFileTest, GivesBackTheEndsThatMayComeAgain) {
  StateFile state = file();
  ASSERT_TRUE(state.begin());
  state.add(connection(100));
  for (std::uint64_t key = 7; key < 10; ++key) state.add_ended(key);
  ASSERT_TRUE(state.commit());
  std::vector<std::uint64_t> ended;
  EXPECT_EQ(file().load([](const ReportedConnection&) {},
                        [&](std::uint64_t key) { ended.push_back(key); }),
            std::size_t{1});
  EXPECT_EQ(ended, (std::vector<std::uint64_t>{7, 8, 9}));
  EXPECT_EQ(load(file()).size(), 1U) << "and without asking for them";
  const std::string whole = contents();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    put(whole.substr(0, length));
    EXPECT_TRUE(load(file()).empty()) << length;
  }
}

/// Its keys are by another hash.
TEST_F(StateFileTest, TakesNothingOfTheFormatBefore) {
  save(1);
  std::string text = contents();
  ASSERT_EQ(text[7], '4');
  text[7] = '3';
  text.resize(text.size() - sizeof(std::uint64_t));
  std::uint64_t hash = 0;
  const auto extend = [&](std::size_t from, std::size_t size) {  // piece by piece, as written
    for (std::size_t at = from; at < from + size; at += sizeof hash) {
      std::uint64_t word = 0;
      const std::size_t taken = std::min(from + size - at, sizeof word);
      std::memcpy(&word, text.data() + at, taken);
      hash = mix(hash ^ word) + taken;
    }
  };
  std::size_t at = 0;
  for (const std::size_t size : {8U, 4U, 4U, 8U, 1U, 48U, 8U}) {
    extend(at, size);
    at += size;
  }
  ASSERT_EQ(at, text.size());
  text.append(reinterpret_cast<const char*>(&hash), sizeof hash);
  put(text);
  EXPECT_TRUE(load(file()).empty());
}

/// Another version's file is nothing to be alarmed about, and anything else is.
TEST_F(StateFileTest, TellsAnotherFormatFromDamage) {
  log::configure(LogLevel::kInfo);
  save(1);
  std::string text = contents();
  const auto said = [&] {
    put(text);
    testing::internal::CaptureStderr();
    EXPECT_TRUE(load(file()).empty());
    return testing::internal::GetCapturedStderr();
  };
  for (const char format : {'1', '2', '3', '5'}) {
    text[7] = format;
    EXPECT_THAT(said(), testing::HasSubstr("state_outdated")) << format;
  }
  text[7] = 'c';
  EXPECT_THAT(said(), testing::HasSubstr("state_damaged"));
  text[7] = '4';
  text[6] = 'D';
  EXPECT_THAT(said(), testing::HasSubstr("state_damaged"));
}

TEST_F(StateFileTest, IsOnlyForItsOwner) {
  const mode_t before = umask(0);
  save(1);
  umask(before);
  struct stat state {};
  ASSERT_EQ(stat(name_.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777U, 0600U);
}

TEST_F(StateFileTest, ReadsNoFileOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  save(3);
  constexpr uid_t kAnother = 65534;
  ASSERT_EQ(chown(name_.c_str(), kAnother, static_cast<gid_t>(-1)), 0);
  EXPECT_TRUE(load(file()).empty());
  ASSERT_EQ(chown(name_.c_str(), 0, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(load(file()).size(), 3U);
}

TEST_F(StateFileTest, OverwritesNoFileBehindASymbolicLink) {
  const std::filesystem::path victim = directory_ / "victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, name_.string() + ".new");
  std::filesystem::create_symlink(victim, name_);
  save(3);
  std::string text;
  std::ifstream(victim) >> text;
  EXPECT_EQ(text, "precious");
  EXPECT_FALSE(std::filesystem::is_symlink(name_));
  EXPECT_EQ(load(file()).size(), 3U);
}

TEST_F(StateFileTest, ReadsNoFileBehindASymbolicLink) {
  save(3);
  const std::filesystem::path other = directory_ / "other";
  std::filesystem::rename(name_, other);
  std::filesystem::create_symlink(other, name_);
  EXPECT_TRUE(load(file()).empty());
}

TEST_F(StateFileTest, DoesNotWaitForAPipe) {
  ASSERT_EQ(mkfifo(name_.c_str(), 0600), 0);
  EXPECT_TRUE(load(file()).empty());
  save(2);  // takes its place
  EXPECT_EQ(load(file()).size(), 2U);
}

TEST_F(StateFileTest, RefusesADirectory) {
  std::filesystem::create_directory(name_);
  EXPECT_TRUE(load(file()).empty());
}

TEST_F(StateFileTest, RefusesAFileThatIsLargerThanAnyTable) {
  save(3);
  const off_t four_tebibytes = off_t{4} << 40;
  if (truncate(name_.c_str(), four_tebibytes) != 0) GTEST_SKIP() << "no sparse files here";
  EXPECT_TRUE(load(file()).empty());
}

TEST_F(StateFileTest, BelongsToOneProcess) {
  StateFile first = file();
  StateFile second = file();
  EXPECT_TRUE(first.claim());
  EXPECT_FALSE(second.claim());
  {
    StateFile other(directory_ / "other", {"boot", 7, true});
    EXPECT_TRUE(other.claim());
  }
  StateFile third(directory_ / "other", {"boot", 7, true});
  EXPECT_TRUE(third.claim()) << "the one before has gone";
}

TEST_F(StateFileTest, SaysWhenThereIsNoDirectory) {
  StateFile state(directory_ / "missing" / "state", {});
  EXPECT_FALSE(state.begin());
  state.add(connection(1));
  EXPECT_FALSE(state.commit());
}

TEST(CurrentIdentity, IsTheSameWhenAskedAgain) {
  EXPECT_EQ(current_identity(true), current_identity(true));
  EXPECT_FALSE(current_identity(true).boot.empty());
  EXPECT_NE(current_identity(true).table, 0U);
}

}  // namespace
}  // namespace ctflow
