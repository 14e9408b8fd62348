// SPDX-License-Identifier: GPL-2.0-or-later
// A build without libpcap (CTFLOWD_RECORD=OFF).
#include "conntrack/events/event_file.hpp"

namespace ctflow {
namespace {

[[noreturn]] void refuse(const std::string& file_name) {
  throw EventFileError(file_name +
                       ": this ctflowd was built without libpcap: install the package of Debian, "
                       "which has it, or build with libpcap-dev and -DCTFLOWD_RECORD=ON");
}

}  // namespace

void EventFileWriter::Closer::operator()(pcap* /*handle*/) const {}
void EventFileWriter::Closer::operator()(pcap_dumper* /*dumper*/) const {}
void EventFileReader::Closer::operator()(pcap* /*handle*/) const {}

EventFileWriter::EventFileWriter(const std::string& file_name) { refuse(file_name); }
void EventFileWriter::on_datagram(Bytes /*datagram*/, const Instant& /*time*/) {}
void EventFileWriter::on_timeouts(const Timeouts& /*timeouts*/, TimePoint /*time*/) {}
void EventFileWriter::on_batch_end() {}

EventFileReader::EventFileReader(const std::string& file_name) { refuse(file_name); }
bool EventFileReader::next(Bytes& /*datagram*/, TimePoint& /*time*/) { return false; }

}  // namespace ctflow
