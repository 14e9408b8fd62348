// SPDX-License-Identifier: GPL-2.0-or-later
// Answers of the log as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nat_log/look_up.hpp"

namespace ctflow::nat {

enum class AnswerFormat : std::uint8_t { kTable, kJson, kCsv };

/// Rows, one on a line.
std::string rows_text(const std::vector<Found>& rows, AnswerFormat format);

/// What the answer says, in sentences, one on a line; also why the log cannot say more.
std::string verdict_text(const Answer& answer, const Question& question);

/// What was removed, one on a line.
std::string forgotten_text(const Forgotten& done);

/// Where it still is; empty where it is gone.
std::string still_there_text(const Forgotten& done);

/// All of it as one JSON object.
std::string answer_json(const Answer& answer, const Question& question);

}  // namespace ctflow::nat
