// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/address/lookup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "support/stream_collector.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::make_address;
using testing::Contains;
using testing::IsEmpty;

/// A name server that answers when it is told to; threads may outlive the test.
struct SilentServer {
  std::mutex mutex;
  std::condition_variable changed;
  bool answers = false;
  int asked = 0;
  std::atomic<int> done{0};

  void answer() {
    const std::lock_guard lock(mutex);
    answers = true;
    changed.notify_all();
  }
  [[nodiscard]] int questions() {
    const std::lock_guard lock(mutex);
    return asked;
  }
};

Lookup::Ask ask(const std::shared_ptr<SilentServer>& server) {
  return [server](const std::string& /*name*/, Lookup::Addresses& found) {
    std::unique_lock lock(server->mutex);
    ++server->asked;
    server->changed.wait(lock, [&] { return server->answers; });
    found.push_back(make_address("192.0.2.1"));
    ++server->done;
    return Lookup::Error{};
  };
}

class LookupTest : public testing::Test {
 protected:
  ~LookupTest() override {
    server_->answer();
    for (int i = 0; i < 1000 && server_->done < server_->questions(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  LookupTest() = default;
  LookupTest(const LookupTest&) = delete;
  LookupTest& operator=(const LookupTest&) = delete;
  LookupTest(LookupTest&&) = delete;
  LookupTest& operator=(LookupTest&&) = delete;

  Lookup::Answer note() {
    return [this](const Lookup::Error& error, const Lookup::Addresses& found) {
      ++answers_;
      error_ = error;
      found_ = found;
    };
  }
  bool answered() {
    return test::run_until(io_, [&] { return answers_ > 0; });
  }

  boost::asio::io_context io_;
  std::shared_ptr<SilentServer> server_ = std::make_shared<SilentServer>();
  int answers_ = 0;
  Lookup::Error error_;
  Lookup::Addresses found_;
};

TEST_F(LookupTest, FindsTheAddressesOfAName) {
  Lookup lookup(io_);
  lookup.start("localhost", note());
  EXPECT_TRUE(lookup.running());
  EXPECT_EQ(answers_, 0) << "the answer comes from the event loop";
  ASSERT_TRUE(answered());
  EXPECT_FALSE(lookup.running());
  EXPECT_FALSE(error_) << error_.message();
  EXPECT_THAT(found_, Contains(make_address("127.0.0.1")));
}

TEST_F(LookupTest, SaysThatANameDoesNotExist) {
  Lookup lookup(io_);
  lookup.start("collector.invalid", note());
  ASSERT_TRUE(answered());
  EXPECT_TRUE(error_);
  EXPECT_THAT(found_, IsEmpty());
}

TEST_F(LookupTest, IsNotKeptWaitingByOtherNames) {
  std::vector<std::unique_ptr<Lookup>> silent;
  for (int i = 0; i < 20; ++i) {
    silent.push_back(std::make_unique<Lookup>(io_, ask(server_)));
    silent.back()->start("silent.example", [](const auto&, const auto&) { FAIL(); });
  }
  Lookup lookup(io_);
  lookup.start("localhost", note());
  ASSERT_TRUE(answered());
  for (const auto& one : silent) EXPECT_TRUE(one->running());
}

TEST_F(LookupTest, AsksOnceAndAnswersTheLast) {
  Lookup lookup(io_, ask(server_));
  bool first = false;
  lookup.start("one.example", [&](const auto&, const auto&) { first = true; });
  ASSERT_TRUE(test::run_until(io_, [&] { return server_->questions() == 1; }));
  lookup.start("one.example", note());
  server_->answer();
  ASSERT_TRUE(answered());
  EXPECT_FALSE(first);
  EXPECT_EQ(server_->questions(), 1);
  EXPECT_EQ(found_.size(), 1U);
}

TEST_F(LookupTest, GivesNoAnswerOnceCancelled) {
  Lookup lookup(io_, ask(server_));
  lookup.start("one.example", note());
  lookup.cancel();
  EXPECT_TRUE(lookup.running()) << "the name service cannot be stopped";
  server_->answer();
  ASSERT_TRUE(test::run_until(io_, [&] { return !lookup.running(); }));
  EXPECT_EQ(answers_, 0);
  lookup.start("one.example", note());
  ASSERT_TRUE(answered());
}

TEST_F(LookupTest, IsDestroyedAtAnyTimeWithoutWaiting) {
  for (int i = 0; i < 50; ++i) {
    auto io = std::make_unique<boost::asio::io_context>();
    auto lookup = std::make_unique<Lookup>(*io, ask(server_));
    lookup->start("one.example", note());
    if (i == 25) server_->answer();  // from here on the answers race with the destruction
    if (i % 3 == 0) io->poll();
    lookup.reset();
    if (i % 2 == 0) io->poll();
    io.reset();
  }
  EXPECT_LE(answers_, 25);
}

TEST_F(LookupTest, KeepsTheEventLoopRunningUntilTheAnswer) {
  Lookup lookup(io_);
  lookup.start("localhost", note());
  io_.run();  // ends when there is nothing left to be done
  EXPECT_EQ(answers_, 1);
  {
    Lookup gone(io_, ask(server_));
    gone.start("one.example", note());
  }
  io_.restart();
  io_.run();
  EXPECT_EQ(answers_, 1) << "nobody waits for it any more";
}

TEST_F(LookupTest, MayBeDestroyedByItsAnswer) {
  auto lookup = std::make_unique<Lookup>(io_);
  lookup->start("localhost", [&](const auto&, const auto&) {
    lookup.reset();
    ++answers_;
  });
  EXPECT_TRUE(answered());
}

TEST_F(LookupTest, RefusesToStartThreadsWithoutEnd) {
  std::vector<std::unique_ptr<Lookup>> many;
  int refused = 0;
  for (int i = 0; i < Lookup::kAtMost + 10; ++i) {
    many.push_back(std::make_unique<Lookup>(io_, ask(server_)));
    many.back()->start("silent.example", [&](const Lookup::Error& error, const auto&) {
      if (error == boost::asio::error::host_not_found_try_again) ++refused;
    });
  }
  EXPECT_TRUE(test::run_until(io_, [&] { return refused >= 10; }));
  many.clear();
}

}  // namespace
}  // namespace ctflow
