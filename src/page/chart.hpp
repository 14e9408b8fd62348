// SPDX-License-Identifier: GPL-2.0-or-later
// Pictures as inline SVG. Colours come from the page's style, by class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "page/values.hpp"

namespace ctflow::page {

/// A bar of which `part` of `whole` is filled; `whole` may be 0.
std::string share_bar(std::uint64_t part, std::uint64_t whole);

/// A column for each hour, down below and up above it, with the scale and the hours as text beside
/// it. Hours in which nothing was counted are shaded.
std::string course_chart(const std::vector<CourseHour>& course);

/// A number with three digits at most that is not less than `octets`: 1, 2 or 5 of some power of
/// ten.
std::uint64_t scale_of(std::uint64_t octets);

}  // namespace ctflow::page
