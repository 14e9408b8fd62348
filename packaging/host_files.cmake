# SPDX-License-Identifier: GPL-2.0-or-later
# Run by `cmake --install`, which may be given another prefix than the one that was configured: the
# configuration, the unit that names it and the program, and ctflowd-enable, which knows where its files are.
#
# With /usr and /usr/local they go where the system looks for them. All else is a tree of its own, which
# needs no root: the unit then names the configuration in that tree.
foreach(directory IN ITEMS sbin data)
  cmake_path(IS_ABSOLUTE ${directory} is_absolute)
  if(NOT is_absolute)
    cmake_path(SET ${directory} NORMALIZE "${CMAKE_INSTALL_PREFIX}/${${directory}}")
  endif()
endforeach()
cmake_path(SET prefix NORMALIZE "${CMAKE_INSTALL_PREFIX}/.")
if(prefix MATCHES "^/usr(/local)?/$")
  set(etc /etc/ctflowd)
  set(configuration "")
else()
  set(etc ${prefix}etc/ctflowd)
  set(configuration " -c ${etc}/ctflowd.yaml")
  if(units)
    set(units ${prefix}lib/systemd/system)
  endif()
endif()

if(EXISTS "$ENV{DESTDIR}${etc}/ctflowd.yaml")
  message(STATUS "Kept: $ENV{DESTDIR}${etc}/ctflowd.yaml")
else()
  file(INSTALL "${packaging}/ctflowd.yaml" DESTINATION "${etc}")
endif()
if(units)
  configure_file("${packaging}/systemd/ctflowd.service.in" "${work}/ctflowd.service" @ONLY)
  file(INSTALL "${work}/ctflowd.service" DESTINATION "${units}")
endif()

configure_file("${packaging}/ctflowd-enable.in" "${work}/ctflowd-enable" @ONLY)
file(INSTALL "${work}/ctflowd-enable" DESTINATION "${sbin}"
     FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
