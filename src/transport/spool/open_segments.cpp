// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/open_segments.hpp"

#include <algorithm>
#include <cstddef>

#include "process/disk_errors.hpp"

namespace ctflow {
namespace {

constexpr std::size_t kOpenAtMost = 3;  ///< the one written, the one read, the one before that

}  // namespace

std::error_code OpenSegments::use(SpoolSegment& segment) {
  const auto known = std::find(open_.begin(), open_.end(), &segment);
  if (known != open_.end()) {
    std::rotate(known, known + 1, open_.end());
    return {};
  }
  const std::error_code error = segment.open();
  error ? segment.close() : add(segment);
  return error;
}

void OpenSegments::add(SpoolSegment& segment) {
  if (open_.size() >= kOpenAtMost) {
    open_.front()->close();
    open_.erase(open_.begin());
  }
  open_.push_back(&segment);
}

void OpenSegments::close_failed(SpoolSegment& segment, const std::error_code& error) {
  if (concerns_all_files(error)) return;
  segment.close();
  forget(segment);
}

void OpenSegments::forget(const SpoolSegment& segment) {
  open_.erase(std::remove(open_.begin(), open_.end(), &segment), open_.end());
}

}  // namespace ctflow
