// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/state_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

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

  static Remembered connection(std::uint64_t key) {
    Remembered one;
    one.key = key;
    one.forward = {key + 1, key + 2};
    one.backward = {key + 3, key + 4};
    one.told_until = TimePoint(std::chrono::nanoseconds(key + 5));
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

  static std::vector<Remembered> load(const StateFile& state) {
    std::vector<Remembered> found;
    const auto count = state.load([&](const Remembered& one) { found.push_back(one); });
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
    const Remembered expected = connection(100 + i);
    EXPECT_EQ(found[i].key, expected.key);
    EXPECT_EQ(found[i].forward, expected.forward);
    EXPECT_EQ(found[i].backward, expected.backward);
    EXPECT_EQ(found[i].told_until, expected.told_until);
  }
}

TEST_F(StateFileTest, TellsAnEmptyTableFromNoFile) {
  EXPECT_EQ(file().load([](const Remembered&) {}), std::nullopt);
  save(0);
  EXPECT_EQ(file().load([](const Remembered&) {}), std::size_t{0});
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
  put(std::string("ctflowd1\xff\xff\xff\xff", 12));
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

TEST_F(StateFileTest, KeepsTheOldFileWhenTheDiskIsFull) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  save(3);
  std::filesystem::create_symlink("/dev/full", name_.string() + ".new");
  StateFile state = file();
  ASSERT_TRUE(state.begin());
  state.add(connection(500));
  EXPECT_FALSE(state.commit());
  EXPECT_EQ(load(file()).size(), 3U);
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
