// SPDX-License-Identifier: GPL-2.0-or-later
#include "netfilter_measurement.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "conntrack/flow/decode.hpp"
#include "extras/from_bpf/netfilter_programs.hpp"
#include "netlink/dump.hpp"
#include "netlink/netfilter_dump.hpp"

namespace {

constexpr std::uint32_t kEnds = 1U << (NFNLGRP_CONNTRACK_DESTROY - 1U);
constexpr std::size_t kReceiveBuffer = std::size_t{64} << 20U;
constexpr std::chrono::milliseconds kRefresh{200};

std::unique_ptr<ctflow::MeasuredEntries> attached(const std::string& settings) {
  std::string obstacle;
  auto entries = ctflow::attach_netfilter_programs(obstacle, settings);
  if (!entries) throw std::runtime_error(obstacle);
  return entries;
}

std::string hexadecimal(ctflow::Bytes octets) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * octets.size());
  for (const std::byte octet : octets) {
    text += kDigits[std::to_integer<unsigned>(octet) >> 4U];
    text += kDigits[std::to_integer<unsigned>(octet) & 15U];
  }
  return text;
}

}  // namespace

NetfilterMeasurement::NetfilterMeasurement(const std::string& settings)
    : socket_(NETLINK_NETFILTER, kEnds), batch_(64, 8192), source_(true, attached(settings)) {
  socket_.set_receive_buffer(kReceiveBuffer);
  print({{"attached", true}});
}

void NetfilterMeasurement::run() {
  while (control_.wait(held_ ? -1 : socket_.descriptor(), kRefresh)) {
    if (!held_) read_ends();
    control_.read_commands([this](const std::string& command) { obey(command); });
    source_.refresh();
  }
  read_ends();
  print_losses();
}

void NetfilterMeasurement::read_ends() {
  while (true) {
    std::error_code error;
    const auto datagrams = batch_.receive(socket_.descriptor(), error);
    if (error) throw std::system_error(error, "ctnetlink");
    if (datagrams.empty()) return;
    for (const ctflow::Datagram& datagram : datagrams) {
      ctflow::Messages messages(datagram.bytes);
      ctflow::Bytes message;
      while (messages.next(message)) read_end(message);
    }
  }
}

void NetfilterMeasurement::read_end(ctflow::Bytes message) {
  ctflow::Flow flow;
  if (ctflow::decode(message, flow) != ctflow::DecodeResult::kFlow) return;
  ctflow_nf_entry entry;
  Json line{{"event", int{CTFLOW_ENDED}}, {"message", hexadecimal(message)}};
  line["measured"] = source_.look_up(flow, entry) ? json_of(entry.measured) : Json();
  print(line);
}

void NetfilterMeasurement::obey(const std::string& command) {
  if (command == "dump") {
    print_table();
  } else if (command == "losses") {
    print_losses();
  } else if (command == "hold" || command == "read") {
    held_ = command == "hold";
  } else {
    std::cerr << "measure: unknown command " << command << '\n';
  }
}

void NetfilterMeasurement::print_table() {
  Json all = Json::array();
  const auto take = [&](ctflow::Bytes message) {
    ctflow::Flow flow;
    ctflow_nf_entry entry;
    if (ctflow::decode(message, flow) == ctflow::DecodeResult::kEntry &&
        source_.look_up(flow, entry)) {
      all.push_back(
          {{"id", flow.id}, {"measured", json_of(entry.measured)}, {"offloaded", entry.offloaded}});
    }
  };
  const ctflow::NetfilterQuestion question{.subsystem = NFNL_SUBSYS_CTNETLINK,
                                           .message = IPCTNL_MSG_CT_GET};
  if (const auto error =
          ctflow::read_dump(NETLINK_NETFILTER, ctflow::netfilter_request(question), take)) {
    throw std::system_error(error, "table of connections");
  }
  print({{"dump", all}});
}

void NetfilterMeasurement::print_losses() const {
  print({{"losses", {0, 0, 0, source_.unmeasured()}}});
}
