// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/pending_handlers.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>
#include <type_traits>

namespace ctflow {
namespace {

class PendingHandlersTest : public testing::Test {
 protected:
  boost::asio::io_context io_;
  std::optional<PendingHandlers> pending_{std::in_place};
  int calls_ = 0;
};

TEST_F(PendingHandlersTest, CallsTheWorkWithTheResults) {
  std::string got;
  auto handler = pending_->guard(
      [&](int number, const std::string& text) { got = std::to_string(number) + text; });
  handler(7, std::string("x"));
  EXPECT_EQ(got, "7x");
}

TEST_F(PendingHandlersTest, CallsSeveralThatArePendingAtOnce) {
  for (int i = 0; i < 3; ++i) boost::asio::post(io_, pending_->guard([&] { ++calls_; }));
  io_.run();
  EXPECT_EQ(calls_, 3);
}

TEST_F(PendingHandlersTest, DoesNotCallOneThatWasQueuedAndThenRevoked) {
  boost::asio::post(io_, pending_->guard([&] { ++calls_; }));
  pending_->revoke();
  io_.run();
  EXPECT_EQ(calls_, 0);
}

TEST_F(PendingHandlersTest, DoesNotCallOneThatWasQueuedWhenItsOwnerWasDestroyed) {
  boost::asio::post(io_, pending_->guard([&] { ++calls_; }));
  pending_.reset();
  io_.run();
  EXPECT_EQ(calls_, 0);
}

TEST_F(PendingHandlersTest, CallsThoseThatWereMadeAfterwards) {
  boost::asio::post(io_, pending_->guard([&] { calls_ += 100; }));
  pending_->revoke();
  boost::asio::post(io_, pending_->guard([&] { ++calls_; }));
  io_.run();
  EXPECT_EQ(calls_, 1);
}

TEST_F(PendingHandlersTest, LetsAHandlerRevokeTheOthers) {
  for (int i = 0; i < 3; ++i) {
    boost::asio::post(io_, pending_->guard([&] {
      ++calls_;
      pending_->revoke();
    }));
  }
  io_.run();
  EXPECT_EQ(calls_, 1);
}

TEST_F(PendingHandlersTest, LetsAHandlerDestroyItsOwner) {
  struct Owner {
    PendingHandlers pending;
    std::string text = "a text that is too long for the object itself to hold it";
  };
  auto owner = std::make_unique<Owner>();
  std::string seen;
  for (int i = 0; i < 2; ++i) {
    boost::asio::post(io_, owner->pending.guard([&, own = std::string("so is this one, for it is "
                                                                      "captured by the handler")] {
      seen = owner->text;
      owner.reset();
      seen += own;
      ++calls_;
    }));
  }
  io_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(seen.ends_with("captured by the handler"));
}

TEST_F(PendingHandlersTest, KeepsWhatTheWorkHoldsUntilTheOperationHasEnded) {
  auto buffer = std::make_shared<int>(0);
  boost::asio::post(io_, pending_->guard([buffer] {}));
  pending_.reset();
  EXPECT_EQ(buffer.use_count(), 2);
  io_.run();
  EXPECT_EQ(buffer.use_count(), 1);
}

TEST_F(PendingHandlersTest, OutlivesTheEventLoop) {
  {
    boost::asio::io_context loop;
    boost::asio::post(loop, pending_->guard([&] { ++calls_; }));
  }
  pending_->revoke();
  EXPECT_EQ(calls_, 0);
}

TEST_F(PendingHandlersTest, AnyHandlerIsCalledAndRevokedLikeTheOneItWasMadeOf) {
  AnyGuardedHandler<const int&> handler(
      pending_->guard([&](const int& number) { calls_ += number; }));
  handler(3);
  EXPECT_EQ(calls_, 3);
  pending_->revoke();
  handler(3);
  EXPECT_EQ(calls_, 3);
}

TEST_F(PendingHandlersTest, AnyHandlerCannotBeMadeOfWorkThatNothingGuards) {
  const auto bare = [](const int&) {};
  using Bare = std::remove_const_t<decltype(bare)>;
  EXPECT_FALSE((std::is_constructible_v<AnyGuardedHandler<const int&>, Bare>));
  EXPECT_TRUE((std::is_constructible_v<AnyGuardedHandler<const int&>, GuardedHandler<Bare>>));
}

}  // namespace
}  // namespace ctflow
