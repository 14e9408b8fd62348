// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/make_transport.hpp"

#include <gtest/gtest.h>

#include "transport/ipfix_file.hpp"
#include "transport/stream/stream.hpp"
#include "transport/udp.hpp"
#include "version/built_parts.hpp"

namespace ctflow {
namespace {

class MakeTransportTest : public testing::Test {
 protected:
  MakeTransportTest() {
    config_.name = "test";
    config_.address = "127.0.0.1";
    config_.port = 4739;
  }

  template <typename Expected>
  bool makes(TransportKind kind) {
    config_.transport = kind;
    return dynamic_cast<Expected*>(make_session_transport(io_, config_, ledger_).get()) != nullptr;
  }

  boost::asio::io_context io_;
  CollectorConfig config_;
  ExportLedger ledger_;
};

TEST_F(MakeTransportTest, MakesWhatTheConfigurationAsksFor) {
  EXPECT_NE(dynamic_cast<UdpTransport*>(make_datagram_transport(io_, config_).get()), nullptr);
  EXPECT_TRUE(makes<StreamTransport>(TransportKind::kTcp));
  EXPECT_TRUE(makes<IpfixFileTransport>(TransportKind::kFile));
  if (built_parts().tls) {
    EXPECT_TRUE(makes<StreamTransport>(TransportKind::kTls));
  } else {
    EXPECT_THROW(makes<StreamTransport>(TransportKind::kTls), std::runtime_error);
  }
}

}  // namespace
}  // namespace ctflow
