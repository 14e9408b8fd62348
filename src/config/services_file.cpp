// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/services_file.hpp"

#include <cstddef>
#include <optional>
#include <tuple>

#include "config/file_lines.hpp"
#include "config/filter_settings.hpp"

namespace ctflow::config {
namespace {

/// Nothing: AppleTalk's, which the file of most systems has, too.
using FilePort = std::optional<ServicePort>;

ValueFormat<FilePort> port_and_protocol() {
  return {"PORT/PROTOCOL, such as 443/tcp",
          [](std::string_view text) -> Parsed<FilePort> {
            constexpr std::uint64_t kLastPort = 65535;
            const std::size_t slash = text.find('/');
            if (slash == std::string_view::npos) return {};
            const auto port = integer(0, kLastPort).parse(text.substr(0, slash)).value;
            const std::string_view word = text.substr(slash + 1);
            const auto protocol = ip_protocol().parse(word).value;
            if (!port || (!protocol && word != "ddp")) return {};
            if (!protocol) return {FilePort(), ""};
            return {FilePort(ServicePort{static_cast<std::uint8_t>(*protocol),
                                         static_cast<std::uint16_t>(*port)}),
                    ""};
          },
          "",
          {}};
}

}  // namespace

std::vector<NamedService> services_in(const SourceText& source) {
  NamedEntries<NamedService, ServicePort> services(&NamedService::ports);
  SeenEntries<std::tuple<std::uint8_t, std::uint16_t>> seen;
  for_each_line(source, [&](const std::vector<FileWord>& words) {
    const FileWord& first = words.front();
    const std::string name = name_of_entries(source, first);
    if (words.size() == 1) {
      source.fail(first.offset, "", "expected PORT/PROTOCOL, such as 443/tcp, behind the name");
    }
    const FilePort port = value_of(source, words[1], port_and_protocol());
    if (!port) return;
    seen.add(source, words[1], {port->protocol, port->port}, "port");
    services.add(name, *port);
  });
  return services.take_all();
}

}  // namespace ctflow::config
