// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/dying_list.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <system_error>

#include "support/fakes.hpp"

namespace ctflow {
namespace {

class NoEvents : public EventConsumer {
 public:
  void on_datagram(Bytes /*datagram*/, const Instant& /*time*/) override {}
  void on_batch_end() override {}
};

/// Asks the kernel for the list of this network namespace, whatever is on it.
class DyingListTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      listener_ = std::make_unique<EventListener>(io_, SourceConfig{});
    } catch (const std::system_error& error) {
      GTEST_SKIP() << "no netfilter netlink here: " << error.what();
    }
    listener_->start(events_, counters_);
    list_ = std::make_unique<DyingList>(io_, assembler_, *listener_, NetworkNamespace());
  }

  void look(const std::string& name) {
    list_->look([this, name](bool /*proven*/) { seen_ += name; });
  }

  /// Until the last look, "z", has ended.
  void run() {
    constexpr std::chrono::seconds kEnough{10};
    const auto end = std::chrono::steady_clock::now() + kEnough;
    while (seen_.find('z') == std::string::npos && std::chrono::steady_clock::now() < end) {
      io_.run_one_for(std::chrono::milliseconds(100));
    }
  }

  boost::asio::io_context io_;
  test::FakeSink sink_;
  SourceCounters counters_;
  FlowAssembler assembler_{sink_, counters_, SourceConfig{}, system_now()};
  NoEvents events_;
  std::unique_ptr<EventListener> listener_;
  std::unique_ptr<DyingList> list_;
  std::string seen_;
};

TEST_F(DyingListTest, ALookThatBeganEndsThoughOthersAreAskedFor) {
  look("a");
  look("b");
  look("z");
  run();
  EXPECT_EQ(seen_, "az") << "the first goes on, and the last follows it";
}

TEST_F(DyingListTest, SeveralLooksFollowEachOther) {
  list_->look([this](bool /*proven*/) {
    seen_ += "a";
    look("b");
    look("z");
  });
  run();
  EXPECT_EQ(seen_, "abz");
}

TEST_F(DyingListTest, NothingIsSaidAfterTheStop) {
  look("a");
  look("z");
  list_->stop();
  io_.run_for(std::chrono::milliseconds(200));
  EXPECT_EQ(seen_, "");
}

}  // namespace
}  // namespace ctflow
