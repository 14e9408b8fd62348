// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_line.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cinttypes>

namespace {

/// The attributes of one direction.
struct Side {
  const char* name;
  nf_conntrack_attr source4, destination4, source6, destination6, source_port, destination_port;
  nf_conntrack_attr packets, octets, zone;
};

constexpr Side kOriginal{"orig",
                         ATTR_ORIG_IPV4_SRC,
                         ATTR_ORIG_IPV4_DST,
                         ATTR_ORIG_IPV6_SRC,
                         ATTR_ORIG_IPV6_DST,
                         ATTR_ORIG_PORT_SRC,
                         ATTR_ORIG_PORT_DST,
                         ATTR_ORIG_COUNTER_PACKETS,
                         ATTR_ORIG_COUNTER_BYTES,
                         ATTR_ORIG_ZONE};
constexpr Side kReply{"reply",
                      ATTR_REPL_IPV4_SRC,
                      ATTR_REPL_IPV4_DST,
                      ATTR_REPL_IPV6_SRC,
                      ATTR_REPL_IPV6_DST,
                      ATTR_REPL_PORT_SRC,
                      ATTR_REPL_PORT_DST,
                      ATTR_REPL_COUNTER_PACKETS,
                      ATTR_REPL_COUNTER_BYTES,
                      ATTR_REPL_ZONE};

class Line {
 public:
  Line(std::FILE* out, const nf_conntrack* connection) : out_(out), connection_(connection) {}

  [[nodiscard]] bool has(nf_conntrack_attr attribute) const {
    return nfct_attr_is_set(connection_, attribute) > 0;
  }

  void address(const char* name, nf_conntrack_attr ipv4, nf_conntrack_attr ipv6) {
    const bool v6 = has(ipv6);
    if (!v6 && !has(ipv4)) return;
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(v6 ? AF_INET6 : AF_INET, nfct_get_attr(connection_, v6 ? ipv6 : ipv4), text.data(),
              text.size());
    begin(name);
    std::fprintf(out_, R"("%s")", text.data());
  }

  void number8(const char* name, nf_conntrack_attr attribute) {
    if (has(attribute)) number(name, nfct_get_attr_u8(connection_, attribute));
  }
  void port(const char* name, nf_conntrack_attr attribute) {
    if (has(attribute)) number(name, ntohs(nfct_get_attr_u16(connection_, attribute)));
  }
  void number16(const char* name, nf_conntrack_attr attribute) {
    if (has(attribute)) number(name, nfct_get_attr_u16(connection_, attribute));
  }
  void number32(const char* name, nf_conntrack_attr attribute) {
    if (has(attribute)) number(name, nfct_get_attr_u32(connection_, attribute));
  }
  void number64(const char* name, nf_conntrack_attr attribute) {
    if (has(attribute)) number(name, nfct_get_attr_u64(connection_, attribute));
  }

  void side(const Side& side) {
    open(side.name);
    address("src", side.source4, side.source6);
    address("dst", side.destination4, side.destination6);
    port("sport", side.source_port);
    port("dport", side.destination_port);
    number64("packets", side.packets);
    number64("octets", side.octets);
    number16("zone", side.zone);
    close();
  }

  void number(const char* name, std::uint64_t value) {
    begin(name);
    std::fprintf(out_, "%" PRIu64, value);
  }

  void text(const char* name, const char* value) {
    begin(name);
    std::fprintf(out_, R"("%s")", value);
  }

  /// Begins an object; the outermost one has no name.
  void open(const char* name = nullptr) {
    if (name != nullptr) begin(name);
    std::fputc('{', out_);
    first_ = true;
  }
  void close() {
    std::fputc('}', out_);
    first_ = false;
  }

 private:
  void begin(const char* name) {
    std::fprintf(out_, R"(%s"%s":)", first_ ? "" : ",", name);
    first_ = false;
  }

  std::FILE* out_;
  const nf_conntrack* connection_;
  bool first_ = true;
};

}  // namespace

void write_connection(std::FILE* out, const Event& event, const nf_conntrack* connection) {
  Line line(out, connection);
  line.open();
  line.text("event", event.name);
  line.number8("proto", ATTR_ORIG_L4PROTO);
  line.side(kOriginal);
  line.side(kReply);
  line.number8("icmp_type", ATTR_ICMP_TYPE);
  line.number8("icmp_code", ATTR_ICMP_CODE);
  line.port("icmp_id", ATTR_ICMP_ID);
  line.number32("id", ATTR_ID);
  line.number16("zone", ATTR_ZONE);
  line.number32("status", ATTR_STATUS);
  line.number32("left", ATTR_TIMEOUT);
  line.number8("tcp_state", ATTR_TCP_STATE);
  line.number8("sctp_state", ATTR_SCTP_STATE);
  line.number64("start", ATTR_TIMESTAMP_START);
  line.number64("stop", ATTR_TIMESTAMP_STOP);
  line.number("asked_by", event.port_id);
  line.number("time", event.time);
  line.close();
  std::fputc('\n', out);
}
