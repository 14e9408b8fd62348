// SPDX-License-Identifier: GPL-2.0-or-later
// The packets of libpcap, whose headers hold a struct timeval. Where a long has 32 bits, libpcap's
// may be smaller than that of ctflowd, which asks for times after 2038 (_TIME_BITS): the file
// behind this is compiled with the time_t of the system's libraries, and includes nothing of
// ctflowd's.
#pragma once

#include <cstdint>

struct pcap;
struct pcap_dumper;

namespace ctflow {

struct PcapPacket {
  std::int64_t seconds;   ///< since 1970; what does not fit 32 bits may have become negative
  std::int64_t fraction;  ///< in the precision with which the handle was opened
  const unsigned char* data;
  std::uint32_t length;  ///< octets at `data`
};

/// As pcap_next_ex(): 1 and `packet`, which is valid until the next call; else no packet.
int next_packet(pcap* handle, PcapPacket& packet);

/// As pcap_dump().
void dump_packet(pcap_dumper* dumper, const PcapPacket& packet);

}  // namespace ctflow
