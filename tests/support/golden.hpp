// SPDX-License-Identifier: GPL-2.0-or-later
// Golden messages: tests/golden/*.hex, octets in hexadecimal with the meaning of each beside it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "support/source_directory.hpp"

namespace ctflow::test {

/// The octets of one file, and for each of them the line it stands on.
struct Golden {
  std::string file;
  std::vector<std::byte> octets;
  std::vector<std::size_t> line_of;  ///< per octet, an index into `lines`
  std::vector<std::string> lines;
};

/// Reads pairs of hexadecimal digits separated by white space; `#` starts a comment.
inline Golden parse_golden(std::istream& in, std::string file) {
  Golden golden;
  golden.file = std::move(file);
  for (std::string line; std::getline(in, line);) {
    golden.lines.push_back(line);
    std::string_view rest = std::string_view(line).substr(0, line.find('#'));
    while (!rest.empty()) {
      if (std::isspace(static_cast<unsigned char>(rest.front())) != 0) {
        rest.remove_prefix(1);
        continue;
      }
      const std::string_view word = rest.substr(0, rest.find_first_of(" \t\r"));
      rest.remove_prefix(word.size());
      if (word.size() != 2 || word.find_first_not_of("0123456789abcdefABCDEF") != word.npos) {
        throw std::runtime_error(fmt::format("{}:{}: expected two hexadecimal digits, got '{}'",
                                             golden.file, golden.lines.size(), word));
      }
      golden.octets.push_back(static_cast<std::byte>(std::stoul(std::string(word), nullptr, 16)));
      golden.line_of.push_back(golden.lines.size() - 1);
    }
  }
  return golden;
}

/// Loads tests/golden/<name>.hex. A file that is missing or empty is an error, never a pass.
inline Golden load_golden(std::string_view name) {
  const std::string file = fmt::format("{}/tests/golden/{}.hex", source_directory(), name);
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error(fmt::format("{}: cannot be opened", file));
  }
  Golden golden = parse_golden(in, fmt::format("tests/golden/{}.hex", name));
  if (golden.octets.empty()) {
    throw std::runtime_error(fmt::format("{}: holds no octets", file));
  }
  return golden;
}

/// `offset  sixteen octets`, one row a line.
inline std::string hex_rows(std::span<const std::byte> octets) {
  std::string rows;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i % 16 == 0) {
      rows += fmt::format("{}{:04x} ", i == 0 ? "" : "\n", i);
    }
    rows += fmt::format(" {:02x}", std::to_integer<unsigned>(octets[i]));
  }
  return rows;
}

/// Says at which field a message departs from its golden file, and shows the rows that differ.
inline ::testing::AssertionResult equals_golden(std::span<const std::byte> actual,
                                                const Golden& golden) {
  const auto& expected = golden.octets;
  if (std::equal(actual.begin(), actual.end(), expected.begin(), expected.end())) {
    return ::testing::AssertionSuccess();
  }
  const std::size_t both = std::min(actual.size(), expected.size());
  std::size_t at = 0;
  while (at < both && actual[at] == expected[at]) {
    ++at;
  }
  auto result = ::testing::AssertionFailure();
  result << fmt::format("{} octets, expected {}; the first difference is at octet {}\n",
                        actual.size(), expected.size(), at);
  if (at < expected.size()) {
    result << fmt::format("{}:{}: {}\n", golden.file, golden.line_of[at] + 1,
                          golden.lines[golden.line_of[at]]);
  }
  const std::size_t size = std::max(actual.size(), expected.size());
  for (std::size_t row = 0; row < size; row += 16) {
    const auto slice = [row](std::span<const std::byte> all) {
      return row < all.size() ? all.subspan(row, std::min<std::size_t>(16, all.size() - row))
                              : std::span<const std::byte>{};
    };
    const std::string want = hex_rows(slice(expected)), got = hex_rows(slice(actual));
    if (want != got) {
      const auto tail = [](const std::string& text) {
        return text.substr(std::min<std::size_t>(5, text.size()));
      };
      result << fmt::format("{:04x}  expected{}\n      got     {}\n", row, tail(want), tail(got));
    }
  }
  return result;
}

}  // namespace ctflow::test
