// SPDX-License-Identifier: GPL-2.0-or-later
// What goes wrong with files, and whether it concerns one of them or all.
#pragma once

#include <cerrno>
#include <system_error>

namespace ctflow {

/// What errno says.
inline std::error_code last_error() { return {errno, std::generic_category()}; }

/// The disk or the quota is full.
inline bool lacks_room(const std::error_code& error) {
  return error == std::errc::no_space_on_device || error.value() == EDQUOT;
}

/// It would happen with any other file as well: so it does where another process has the lock
/// (EAGAIN).
inline bool concerns_all_files(const std::error_code& error) {
  return lacks_room(error) || error == std::errc::resource_unavailable_try_again ||
         error == std::errc::too_many_files_open ||
         error == std::errc::too_many_files_open_in_system ||
         error == std::errc::not_enough_memory || error == std::errc::read_only_file_system;
}

}  // namespace ctflow
