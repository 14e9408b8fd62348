// SPDX-License-Identifier: GPL-2.0-or-later
// Which files of a spool are open.
#pragma once

#include <system_error>
#include <vector>

#include "transport/spool/spool_segment.hpp"

namespace ctflow {

/// However many files wait, a few descriptors are in use. Segments must outlive this or be
/// forgotten.
class OpenSegments {
 public:
  /// Opens a file, and closes another for it if need be.
  std::error_code use(SpoolSegment& segment);
  /// One that was just made is open.
  void add(SpoolSegment& segment);
  /// Closes a file that fails: its descriptor may be useless for good (the file system was away)
  /// while the file is not. The next use() opens it anew.
  void close_failed(SpoolSegment& segment, const std::error_code& error);
  /// The segment will not be used again.
  void forget(const SpoolSegment& segment);

 private:
  std::vector<SpoolSegment*> open_;  ///< the one used last is last
};

}  // namespace ctflow
