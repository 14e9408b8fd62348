// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/collector_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "support/stream_collector.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::udp;
using testing::ElementsAre;
using testing::IsEmpty;

class CollectorCheckTest : public testing::Test {
 protected:
  CollectorCheckTest() {
    collector_.name = "main";
    collector_.address = "127.0.0.1";
    collector_.port = listener_.local_endpoint().port();
  }

  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> names;
    const Findings found =
        check_collector(collector_, {}, {std::chrono::milliseconds(50), std::chrono::seconds(20)});
    for (const Finding& one : found.wrong) names.push_back(one.name);
    EXPECT_THAT(found.unchecked, IsEmpty());
    return names;
  }

  boost::asio::io_context io_;
  udp::socket listener_{io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  CollectorConfig collector_;
};

TEST_F(CollectorCheckTest, FindsNothingWhereSomebodyListens) {
  EXPECT_THAT(events(), IsEmpty());
  EXPECT_EQ(listener_.available(), 0U);  // the datagram that came is empty
}

TEST_F(CollectorCheckTest, FindsThatNobodyListens) {
  listener_.close();
  EXPECT_THAT(events(), ElementsAre("collector_refused"));
}

TEST_F(CollectorCheckTest, FindsThatANameHasNoAddress) {
  collector_.address = "collector.invalid";
  EXPECT_THAT(events(), ElementsAre("collector_unresolved"));
}

TEST_F(CollectorCheckTest, FindsThatThereIsNoWay) {
  collector_.source_address = "192.0.2.99";  // not this host's
  EXPECT_THAT(events(), ElementsAre("collector_unreachable"));
  collector_.source_address.clear();
  collector_.bind_device = "no-such-device";
  EXPECT_THAT(events(), ElementsAre("collector_unreachable"));
}

TEST_F(CollectorCheckTest, ConnectsWhereMessagesGoOverTcp) {
  collector_.transport = TransportKind::kTcp;
  EXPECT_THAT(events(), ElementsAre("collector_refused")) << "only a datagram socket is there";
  test::StreamCollector listener(io_);
  collector_.port = listener.port();
  collector_.max_message_size = 65507;  // of no importance to a stream
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(CollectorCheckTest, AsksNoCollectorOfFiles) {
  collector_ = {};
  collector_.transport = TransportKind::kFile;
  EXPECT_THAT(events(), IsEmpty());
}

}  // namespace
}  // namespace ctflow
