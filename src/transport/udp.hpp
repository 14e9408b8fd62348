// SPDX-License-Identifier: GPL-2.0-or-later
// Messages as UDP datagrams (RFC 7011 section 10.3).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/transport.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "transport/address/lookup.hpp"
#include "transport/refusals.hpp"

namespace ctflow {

/// One connected socket. A host name is looked up in the background, first when constructed and
/// then every `resolve_interval`; a new address is taken up by prepare(). The source port stays the
/// same as long as that address does: collectors key templates by it. Of several addresses it is
/// the first to which the kernel can send, and then that one until the kernel cannot, or the name
/// has it no more.
class UdpTransport : public DatagramTransport {
 public:
  UdpTransport(boost::asio::io_context& io, const CollectorConfig& config,
               Lookup::Ask ask = Lookup::ask_system);

  bool prepare() override;
  SendResult send(std::span<const std::byte> message) override;
  [[nodiscard]] std::size_t messages_at_once() const override { return segments_ ? kSegments : 1; }
  bool send_together(std::span<const std::byte> messages, std::size_t length) override;
  [[nodiscard]] std::size_t longest_message() const override;
  [[nodiscard]] bool lookup_running() const override { return lookup_.running(); }
  [[nodiscard]] std::uint64_t refusals() const override { return refusals_; }
  [[nodiscard]] bool connected() const override { return connected_; }
  [[nodiscard]] TransportStatus status() const override { return {peer(), last_failure_, {}, {}}; }

  /// The socket's own address and port, once connected.
  [[nodiscard]] boost::asio::ip::udp::endpoint local_endpoint() const;

 private:
  using Endpoint = boost::asio::ip::udp::endpoint;
  static constexpr std::size_t kSegments = 64;  ///< UDP_MAX_SEGMENTS of Linux before 6.9

  [[nodiscard]] std::string peer() const;
  void look_up();
  void on_answer(const boost::system::error_code& error, const Lookup::Addresses& found);
  void look_up_after(std::chrono::milliseconds delay);
  /// Makes the socket send to `endpoint_`. False: cannot be just now; tried again later.
  bool connect();
  void open_socket(boost::system::error_code& error);
  /// To `endpoint_`.
  boost::system::error_code connect_socket();
  /// To another address of the name instead, if one can be reached. False: none, and `endpoint_` is
  /// what it was.
  bool connect_elsewhere(const boost::system::error_code& why);
  /// Another socket for one that has become useless. False: cannot be just now.
  bool replace_socket(const boost::system::error_code& why);
  /// Takes the error that an ICMP message left at the socket.
  void collect_refusal();
  /// The collector's host answered that no program listens.
  void on_refusal();
  void note_failure(FailureKind kind, const std::string& reason);

  CollectorConfig config_;
  Lookup lookup_;
  Timer lookup_timer_;
  boost::asio::ip::udp::socket socket_;
  std::optional<Endpoint> endpoint_;  ///< where to send, once known
  std::vector<Endpoint> known_;       ///< all addresses of the name
  bool connected_ = false;            ///< the socket sends to endpoint_
  bool segments_ = true;              ///< UDP_SEGMENT works, as far as is known
  bool new_peer_ = true;              ///< for prepare(): it may not have the templates
  /// Why the socket is not connected, once endpoint_ is known; never success.
  std::error_code connect_error_ = std::make_error_code(std::errc::network_unreachable);
  MonoTime next_connect_{};
  Refusals& refused_peers_;
  SeenRefusals seen_refusals_;  ///< also those that other sockets noticed
  std::uint64_t refusals_ = 0;
  LastFailure last_failure_;
  log::RateLimit lookup_log_;
  log::RateLimit connect_log_;
  log::RateLimit elsewhere_log_;
  log::RateLimit refusal_log_;
  log::RateLimit send_log_;
};

}  // namespace ctflow
