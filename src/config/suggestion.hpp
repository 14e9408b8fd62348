// SPDX-License-Identifier: GPL-2.0-or-later
// "Did you mean": the known word nearest to one that is not known.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctflow::config {

/// The word of `known` that the fewest typing mistakes turn into `word`; nothing when even the
/// nearest differs in more than about a third of its characters.
std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& known);

/// The `count` words of `known` that are nearest to `word`, the nearest first.
std::vector<std::string> nearest_words(std::string_view word, std::vector<std::string> known,
                                       std::size_t count);

/// The setting that those who write `word` usually mean, if `known` has it: `host` for `address`.
std::optional<std::string> usual_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace ctflow::config
