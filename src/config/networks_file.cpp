// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/networks_file.hpp"

#include <array>
#include <cstddef>
#include <tuple>

#include "config/file_lines.hpp"
#include "config/filter_settings.hpp"

namespace ctflow::config {

std::vector<NamedNetworks> networks_in(const SourceText& source) {
  using Identity = std::tuple<AddressFamily, std::uint8_t, std::array<std::uint8_t, 16>>;
  constexpr std::size_t kWords = 2;
  NamedEntries<NamedNetworks, Network> networks(&NamedNetworks::networks);
  SeenEntries<Identity> seen;
  for_each_line(source, [&](const std::vector<FileWord>& words) {
    const FileWord& first = words.front();
    const Network one = value_of(source, first, network());
    if (words.size() < kWords) {
      source.fail(first.offset, "", "expected a name behind the network");
    }
    const std::string name = name_of_entries(source, words[1]);
    if (words.size() > kWords) {
      source.fail(words[kWords].offset, "", "expected the end of the line behind the name");
    }
    seen.add(source, first, {one.family, one.length, one.address.octets}, "network");
    networks.add(name, one);
  });
  return networks.take_all();
}

}  // namespace ctflow::config
