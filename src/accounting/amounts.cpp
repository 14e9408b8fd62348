// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/amounts.hpp"

namespace ctflow::accounting {

const char* name_of(Direction direction) {
  switch (direction) {
    case Direction::kIn:
      return "in";
    case Direction::kOut:
      return "out";
    case Direction::kLocal:
      return "local";
    case Direction::kThrough:
      return "through";
    case Direction::kSelf:
      return "self";
  }
  return "";
}

std::optional<Direction> parse_direction(std::string_view text) {
  for (const Direction one : {Direction::kIn, Direction::kOut, Direction::kLocal,
                              Direction::kThrough, Direction::kSelf}) {
    if (text == name_of(one)) return one;
  }
  return std::nullopt;
}

}  // namespace ctflow::accounting
