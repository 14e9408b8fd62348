// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/networks_file.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

#include "config/file_contents.hpp"
#include "config/filter_settings.hpp"
#include "config/formats.hpp"
#include "text/escape.hpp"

namespace ctflow::config {
namespace {

struct Word {
  std::size_t offset = 0;
  std::string_view text{};
};

/// Of a line that begins at `offset`.
std::vector<Word> words_of(std::string_view line, std::size_t offset) {
  constexpr std::string_view kSpace = " \t\r";
  std::vector<Word> words;
  line = line.substr(0, line.find('#'));
  std::size_t at = line.find_first_not_of(kSpace);
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(kSpace, at), line.size());
    words.push_back({offset + at, line.substr(at, end - at)});
    at = line.find_first_not_of(kSpace, end);
  }
  return words;
}

class Reader {
 public:
  explicit Reader(const SourceText& source) : source_(source) {}

  void take(const std::vector<Word>& words) {
    if (words.empty()) return;
    constexpr std::size_t kWords = 2;
    const Network network = parsed(words.front(), config::network());
    if (words.size() < kWords) {
      source_.fail(words.front().offset, "", "expected a name behind the network");
    }
    const Word& name = words[1];
    const std::string text = parsed(name, identifier());
    if (text == "other") {
      source_.fail(name.offset, "",
                   "expected another name than other, which is that of all without one");
    }
    if (words.size() > kWords) {
      source_.fail(words[kWords].offset, "", "expected the end of the line behind the name");
    }
    refuse_second(words.front(), network);
    const auto [place, is_new] = by_name_.emplace(text, all_.size());
    if (is_new) all_.emplace_back().name = text;
    all_[place->second].networks.push_back(network);
  }

  std::vector<NamedNetworks> take_all() { return std::move(all_); }

 private:
  using Identity = std::tuple<AddressFamily, std::uint8_t, std::array<std::uint8_t, 16>>;

  template <typename Value>
  Value parsed(const Word& word, const ValueFormat<Value>& format) const {
    const Parsed<Value> parsed = format.parse(word.text);
    if (parsed.value) return *parsed.value;
    source_.fail(word.offset, "",
                 fmt::format("expected {}, got {}{}{}", format.expected, text::quoted(word.text),
                             parsed.hint.empty() ? "" : ": ", parsed.hint));
  }

  void refuse_second(const Word& word, const Network& network) {
    const Identity identity{network.family, network.length, network.address.octets};
    const auto [place, is_new] = seen_.emplace(identity, word.offset);
    if (is_new) return;
    source_.fail(
        word.offset, "",
        fmt::format("the same network is in line {}", source_.position(place->second).line));
  }

  const SourceText& source_;
  std::vector<NamedNetworks> all_;
  std::map<std::string, std::size_t> by_name_;
  std::map<Identity, std::size_t> seen_;  ///< where each network stands
};

}  // namespace

std::vector<NamedNetworks> networks_in(const SourceText& source) {
  const std::string_view text = source.text();
  Reader reader(source);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    reader.take(words_of(text.substr(at, end - at), at));
    at = end + 1;
  }
  return reader.take_all();
}

std::vector<NamedNetworks> read_networks(const std::string& file_name) {
  return networks_in(SourceText(file_contents(file_name), file_name));
}

}  // namespace ctflow::config
