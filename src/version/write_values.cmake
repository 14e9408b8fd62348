# SPDX-License-Identifier: GPL-2.0-or-later
# Writes version_values.hpp and, beside it, linked.txt for packaging/sbom.cmake: the version, then NAME=VERSION
# of each library. Touches them only if something has changed. Given: source_dir, release, build_type, parts
# (NAME=true or NAME=false …, with commas), versions (NAME=VERSION …, with commas), template, output.
set(version "${release}")
if(EXISTS ${source_dir}/.version)
  file(STRINGS ${source_dir}/.version given LIMIT_COUNT 1)
  if(NOT given MATCHES "^[0-9][0-9A-Za-z.+~-]*$")
    message(FATAL_ERROR "${source_dir}/.version: expected a version such as ${release}, got '${given}'")
  endif()
  set(version "${given}")
elseif(EXISTS ${source_dir}/.git)  # not that of a repository around an unpacked archive
  find_program(GIT git)
  if(GIT)
    execute_process(COMMAND ${GIT} -C ${source_dir} describe --always --dirty=.dirty --exclude=*
                    OUTPUT_VARIABLE commit RESULT_VARIABLE failed
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${GIT} -C ${source_dir} describe --exact-match --match v${release}
                    RESULT_VARIABLE no_release OUTPUT_QUIET ERROR_QUIET)
    if(NOT failed AND (no_release OR commit MATCHES dirty))
      string(APPEND version "+g${commit}")
    endif()
  endif()
endif()
string(REPLACE "," ";" parts "${parts}")
list(LENGTH parts part_count)
list(TRANSFORM parts REPLACE "^(.*)=(.*)$" "    {\"\\1\", \\2},\n" OUTPUT_VARIABLE part_lines)
string(JOIN "" part_lines ${part_lines})
list(TRANSFORM parts REPLACE "^(.*)=(.*)$" ".\\1 = \\2" OUTPUT_VARIABLE part_members)
string(JOIN ", " part_members ${part_members})
string(REPLACE "," ";" versions "${versions}")
list(LENGTH versions library_count)
list(TRANSFORM versions REPLACE "^(.*)=(.*)$" "    {\"\\1\", \"\\2\"},\n" OUTPUT_VARIABLE libraries)
string(JOIN "" libraries ${libraries})
configure_file(${template} ${output} @ONLY)
list(PREPEND versions "${version}")
list(JOIN versions "\n" linked)
cmake_path(GET output PARENT_PATH directory)
file(CONFIGURE OUTPUT ${directory}/linked.txt CONTENT "${linked}\n" @ONLY)
