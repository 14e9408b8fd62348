// SPDX-License-Identifier: GPL-2.0-or-later
// Descriptors, signals, umask and limits that the process inherited, set to what a daemon needs.
#pragma once

namespace ctflow {

/// To be called before anything is opened and before the first thread:
/// - Descriptors 0, 1 and 2 are open, at /dev/null if they were not: the first socket must not
///   become stderr, to which log lines go.
/// - SIGPIPE and SIGXFSZ are errors of the write that caused them, not the end of the process.
/// - No file that is created can be read by others, whatever the umask was.
/// - As many descriptors may be open as the hard limit allows.
void prepare_environment();

}  // namespace ctflow
