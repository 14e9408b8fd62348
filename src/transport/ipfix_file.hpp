// SPDX-License-Identifier: GPL-2.0-or-later
// Messages as IPFIX Files (RFC 5655).
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/transport.hpp"
#include "event_loop/timer.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"
#include "process/descriptor.hpp"
#include "transport/session/session.hpp"

namespace ctflow {

/// One file after the other, each a Transport Session that can be read alone. While it is written
/// its name ends in `.part`. A file begins with the first message and ends when the next message
/// would make it too large, when a multiple of the interval since 1970 is over, or when it cannot
/// be written any more. Messages are written at once; one that cannot be written whole, nor into a
/// new file, is taken out again and lost. A file is never overwritten: where its name is taken it
/// gets a number behind the highest that there is.
class IpfixFileTransport : public SessionTransport {
 public:
  /// `ledger` must outlive this.
  IpfixFileTransport(boost::asio::io_context& io, const CollectorConfig& config,
                     ExportLedger& ledger, Clock clock = system_now);
  ~IpfixFileTransport() override;

  IpfixFileTransport(const IpfixFileTransport&) = delete;
  IpfixFileTransport& operator=(const IpfixFileTransport&) = delete;
  IpfixFileTransport(IpfixFileTransport&&) = delete;
  IpfixFileTransport& operator=(IpfixFileTransport&&) = delete;

  void begin_with(std::vector<CountedMessage> messages) override {
    origin_ = make_origin(std::move(messages));
  }
  /// Also ends a file whose time is over.
  bool prepare() override;
  void send(std::span<const std::byte> message, const MessageContent& content) override;
  void stop() override { finish_file(); }
  /// False after a message that could not be written, until prepare().
  [[nodiscard]] bool connected() const override { return !failing_; }
  [[nodiscard]] TransportStatus status() const override {
    return {log::quoted(config_.file.directory), last_failure_, {}, {}};
  }

 private:
  /// Gives files that an earlier process left as `.part` their names, cut behind the last whole
  /// message.
  /// False: some could not be looked at.
  bool recover_parts();
  bool recover_part(const std::string& path);
  void finish_if_over(TimePoint now);
  void watch_time(TimePoint now);
  std::error_code begin_file(TimePoint now);
  std::error_code open_part(TimePoint now);
  /// Into the open file, or a new one.
  std::error_code write(std::span<const std::byte> message, const MessageContent& content,
                        TimePoint now);
  /// Enters the first messages of a file: they count once it has another one.
  void count_beginning();
  /// Sets next_part_ behind the highest number of any file of this name.
  std::error_code find_next_part();
  /// Gives the file its name, or another one if that was taken meanwhile.
  std::error_code name_file();
  /// All of it at the end of the file, or nothing.
  std::error_code append(std::span<const std::byte> bytes);
  /// Gives it its name; removes it when it has only the first messages.
  void finish_file();
  void failed(const std::error_code& error, const char* doing);

  CollectorConfig config_;
  Clock clock_;
  ExportLedger& ledger_;
  Timer timer_;
  std::shared_ptr<const Origin> origin_ = make_origin({});
  Descriptor file_;
  std::string path_;             ///< final
  std::string name_;             ///< by the configuration and the time, without number
  std::uint64_t next_part_ = 0;  ///< number of the next file of this name; 0: none in its name
  std::uint64_t size_ = 0;
  std::uint64_t opening_size_ = 0;  ///< of the first messages
  ExportAmount carried_;            ///< by the messages behind these
  TimePoint end_{};                 ///< when the file's time is over
  SessionSequence sequence_;
  bool news_ = true;
  bool recovered_ = false;
  bool failing_ = false;
  LastFailure last_failure_;
  log::RateLimit failure_log_;
};

}  // namespace ctflow
