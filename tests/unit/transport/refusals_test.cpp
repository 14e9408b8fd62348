// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/refusals.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace ctflow {
namespace {

using std::chrono::milliseconds;

class RefusalsTest : public testing::Test {
 protected:
  static Refusals::Endpoint peer(std::uint16_t port) {
    return {boost::asio::ip::address_v4::loopback(), port};
  }
  Refusals& refusals() { return boost::asio::use_service<Refusals>(io_); }
  SeenRefusals follower(std::uint16_t port) {
    SeenRefusals seen;
    seen.follow(refusals().by(peer(port)));
    return seen;
  }

  boost::asio::io_context io_;
  const MonoTime now_ = MonoTime(std::chrono::hours(1));
};

TEST_F(RefusalsTest, AreThoseOfAllThatSendToOnePort) {
  SeenRefusals one = follower(4739);
  SeenRefusals other = follower(4739);
  SeenRefusals elsewhere = follower(2055);
  EXPECT_FALSE(one.take(now_) || other.take(now_) || elsewhere.take(now_));
  one.add(now_);
  EXPECT_TRUE(one.take(now_));
  EXPECT_TRUE(other.take(now_)) << "its own were not answered";
  EXPECT_FALSE(elsewhere.take(now_ + std::chrono::hours(1)));
  EXPECT_FALSE(elsewhere.any());
}

TEST_F(RefusalsTest, CountOnceMoreWhenALaterOneWouldHaveBeenAnswered) {
  SeenRefusals seen = follower(4739);
  seen.add(now_);
  EXPECT_TRUE(seen.take(now_));
  EXPECT_FALSE(seen.take(now_ + milliseconds(1999)));
  EXPECT_TRUE(seen.take(now_ + milliseconds(2000)));
  EXPECT_FALSE(seen.any());
  EXPECT_FALSE(seen.take(now_ + std::chrono::hours(1)));
}

TEST_F(RefusalsTest, ALaterOnePutsThatOff) {
  SeenRefusals seen = follower(4739);
  seen.add(now_);
  EXPECT_TRUE(seen.take(now_));
  seen.add(now_ + milliseconds(1500));
  EXPECT_TRUE(seen.take(now_ + milliseconds(1600)));
  EXPECT_FALSE(seen.take(now_ + milliseconds(3000)));
  EXPECT_TRUE(seen.take(now_ + milliseconds(3500)));
}

TEST_F(RefusalsTest, ASocketThatComesLaterKnowsOfTheLast) {
  SeenRefusals first = follower(4739);
  first.add(now_);
  SeenRefusals later = follower(4739);
  EXPECT_FALSE(later.take(now_ + milliseconds(100))) << "it has sent nothing yet";
  EXPECT_TRUE(later.take(now_ + milliseconds(2100)));
  EXPECT_FALSE(later.any());
}

TEST_F(RefusalsTest, AreForgottenWithTheLastSocket) {
  follower(4739).add(now_);
  EXPECT_FALSE(follower(4739).any());
}

}  // namespace
}  // namespace ctflow
