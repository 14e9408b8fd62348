// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/pcap_packets.hpp"

#include <pcap/pcap.h>

namespace ctflow {

int next_packet(pcap* handle, PcapPacket& packet) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int result = pcap_next_ex(handle, &header, &data);
  if (result == 1) packet = {header->ts.tv_sec, header->ts.tv_usec, data, header->caplen};
  return result;
}

void dump_packet(pcap_dumper* dumper, const PcapPacket& packet) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<decltype(header.ts.tv_sec)>(packet.seconds);
  header.ts.tv_usec = static_cast<decltype(header.ts.tv_usec)>(packet.fraction);
  header.caplen = header.len = packet.length;
  pcap_dump(reinterpret_cast<u_char*>(dumper), &header, packet.data);
}

}  // namespace ctflow
