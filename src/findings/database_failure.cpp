// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings/database_failure.hpp"

namespace ctflow {

std::string database_fix(FailureKind kind, DatabaseUse use) {
  const bool nat_log = use == DatabaseUse::kNatLog;
  switch (kind) {
    case FailureKind::kDiskFull:
      return "make room on its file system; what waits is written then";
    case FailureKind::kReadOnly:
      return "mount its file system writable (dmesg says why it is not), or permit the directory "
             "in the unit: ReadWritePaths=";
    case FailureKind::kNoAccess:
      return "make its directory, and give that and the files in it to the user that ctflowd runs "
             "as";
    case FailureKind::kInUse:
      return nat_log ? "end the other ctflowd, or give it another nat_log.directory; fuser -v FILE "
                       "names other programs"
                     : "end what holds it: fuser -v FILE";
    case FailureKind::kDamaged:
      return nat_log ? "move the file of that day away with its -wal and -shm: a new one begins, "
                       "with a hole until then; docs/operations.md, Damaged databases"
                     : "ctflowd accounting check; move the file away with its -wal and -shm: a new "
                       "one begins, without the rows of before; docs/operations.md, Damaged "
                       "databases";
    default:
      return "see the error; tried again every second";
  }
}

}  // namespace ctflow
