// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/readiness.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <optional>
#include <system_error>

namespace ctflow {
namespace {

/// Two pipes that can be read: the event loop queues both handlers before it calls the first.
class ReadinessTest : public testing::Test {
 protected:
  struct Pipe {
    Pipe() { EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0); }
    ~Pipe() {
      close(ends[0]);
      close(ends[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    Pipe(Pipe&&) = delete;
    Pipe& operator=(Pipe&&) = delete;
    void fill() const { EXPECT_EQ(write(ends[1], "x", 1), 1); }

    std::array<int, 2> ends{};
  };

  /// Whichever handler is called first does `act` to the other's Readiness.
  void when_both_are_queued(const std::function<void(std::optional<Readiness>&)>& act) {
    pipes_[0].fill();
    pipes_[1].fill();
    for (std::size_t i = 0; i < 2; ++i) {
      waits_[i]->wait([this, i, act] {
        ++calls_;
        act(waits_[1 - i]);
      });
    }
    io_.poll();
  }

  boost::asio::io_context io_;
  std::array<Pipe, 2> pipes_;
  std::array<std::optional<Readiness>, 2> waits_;
  int calls_ = 0;

  void SetUp() override {
    for (std::size_t i = 0; i < 2; ++i) waits_[i].emplace(io_, pipes_[i].ends[0]);
  }
};

TEST_F(ReadinessTest, WaitsUntilThereIsSomethingToRead) {
  waits_[0]->wait([this] { ++calls_; });
  io_.poll();
  EXPECT_EQ(calls_, 0);
  pipes_[0].fill();
  io_.run_one();
  EXPECT_EQ(calls_, 1);
}

TEST_F(ReadinessTest, CallsBothWhenNobodyInterferes) {
  when_both_are_queued([](std::optional<Readiness>&) {});
  EXPECT_EQ(calls_, 2);
}

TEST_F(ReadinessTest, DoesNotCallWhatWasQueuedAndThenCancelled) {
  when_both_are_queued([](std::optional<Readiness>& other) { other->cancel(); });
  EXPECT_EQ(calls_, 1);
}

TEST_F(ReadinessTest, DoesNotCallWhatWasQueuedAndThenDestroyed) {
  when_both_are_queued([](std::optional<Readiness>& other) { other.reset(); });
  EXPECT_EQ(calls_, 1);
}

TEST_F(ReadinessTest, CallsOnlyTheNewWorkWhenTheOldWasQueuedAndThenReplaced) {
  when_both_are_queued(
      [this](std::optional<Readiness>& other) { other->wait([this] { calls_ += 100; }); });
  EXPECT_EQ(calls_, 101);
}

TEST_F(ReadinessTest, MayBeDestroyedByItsOwnHandler) {
  pipes_[0].fill();
  waits_[0]->wait([this] {
    waits_[0].reset();
    ++calls_;
  });
  io_.poll();
  EXPECT_EQ(calls_, 1);
}

TEST_F(ReadinessTest, LeavesTheDescriptorToItsOwner) {
  waits_[0].reset();
  pipes_[0].fill();
  char octet = 0;
  EXPECT_EQ(read(pipes_[0].ends[0], &octet, 1), 1);
  waits_[0].emplace(io_, pipes_[0].ends[0]);  // and can be waited for again
  pipes_[0].fill();
  waits_[0]->wait([this] { ++calls_; });
  io_.poll();
  EXPECT_EQ(calls_, 1);
}

TEST_F(ReadinessTest, RefusesWhatCannotBeWaitedFor) {
  EXPECT_THROW(Readiness(io_, -1), std::system_error);
}

}  // namespace
}  // namespace ctflow
