# SPDX-License-Identifier: GPL-2.0-or-later
# Run by `cmake --install`: writes ctflowd.spdx.json, the list of what ctflowd was built of (SPDX 2.3, JSON).
# Given: linked, a file with the version and NAME=VERSION of each library, as the build has written it; and of
# packaging/host_files.cmake: data, where to, and work, a directory of the build.
#
# SOURCE_DATE_EPOCH, if set, is its time: two builds of the same sources then have the same file.

# Licences by what Debian's copyright files say of the parts that are linked or compiled in.
set(license_Boost "BSL-1.0")
set(license_CLI11 "BSD-3-Clause")
set(license_fmt "MIT")
set(license_libbpf "LGPL-2.1-only OR BSD-2-Clause")
set(license_libmaxminddb "Apache-2.0")
set(license_libmnl "LGPL-2.1-or-later")
set(license_libnetfilter_conntrack "GPL-2.0-or-later")
set(license_libnftables "GPL-2.0-only")
set(license_libpcap "BSD-3-Clause")
set(license_libpq "PostgreSQL")
set(license_librdkafka "BSD-2-Clause")
set(license_nlohmann_json "MIT")
set(license_OpenSSL "Apache-2.0")  # 3.0 and later
set(license_prometheus-cpp "MIT")
set(license_spdlog "MIT")
set(license_sqlite "blessing")
set(license_yaml-cpp "MIT")

file(STRINGS "${linked}" libraries)
list(POP_FRONT libraries version)

# package(NAME VERSION LICENCE): one entry of "packages", without a place to load it from: the distribution has it.
function(package name version license)
  string(REGEX REPLACE "[^A-Za-z0-9.-]" "-" id "${name}")
  string(TOLOWER "${name}" url)
  string(REPLACE "+" "%2B" url_version "${version}")
  string(APPEND packages ",
    {
      \"SPDXID\": \"SPDXRef-Package-${id}\",
      \"name\": \"${name}\",
      \"versionInfo\": \"${version}\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"NOASSERTION\",
      \"licenseDeclared\": \"${license}\",
      \"copyrightText\": \"NOASSERTION\",
      \"externalRefs\": [
        {
          \"referenceCategory\": \"PACKAGE-MANAGER\",
          \"referenceType\": \"purl\",
          \"referenceLocator\": \"pkg:generic/${url}@${url_version}\"
        }
      ]
    }")
  set(packages "${packages}" PARENT_SCOPE)
endfunction()

function(relationship from type to)
  string(APPEND relationships ",
    {
      \"spdxElementId\": \"SPDXRef-${from}\",
      \"relationshipType\": \"${type}\",
      \"relatedSpdxElement\": \"SPDXRef-${to}\"
    }")
  set(relationships "${relationships}" PARENT_SCOPE)
endfunction()

set(packages "")
set(relationships "")
package(ctflowd "${version}" "GPL-2.0-or-later")
relationship(DOCUMENT DESCRIBES Package-ctflowd)
foreach(library IN LISTS libraries)
  if(NOT library MATCHES "^([A-Za-z0-9._-]+)=([A-Za-z0-9.+~-]+)$")
    message(FATAL_ERROR "${linked}: expected NAME=VERSION, got '${library}'")
  endif()
  set(name ${CMAKE_MATCH_1})
  set(of_library ${CMAKE_MATCH_2})
  if(NOT DEFINED license_${name} OR (name STREQUAL OpenSSL AND of_library VERSION_LESS 3))
    set(license_${name} NOASSERTION)
  endif()
  package(${name} ${of_library} "${license_${name}}")
  string(REPLACE "_" "-" id ${name})
  relationship(Package-ctflowd DEPENDS_ON Package-${id})
endforeach()
string(SUBSTRING "${packages}" 1 -1 packages)
string(SUBSTRING "${relationships}" 1 -1 relationships)
string(TIMESTAMP created "%Y-%m-%dT%H:%M:%SZ" UTC)
string(SHA256 hash "${created}${packages}")
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE "${work}/ctflowd.spdx.json" "{
  \"spdxVersion\": \"SPDX-2.3\",
  \"dataLicense\": \"CC0-1.0\",
  \"SPDXID\": \"SPDXRef-DOCUMENT\",
  \"name\": \"ctflowd-${version}\",
  \"documentNamespace\": \"https://spdx.org/spdxdocs/ctflowd-${version}-${hash}\",
  \"creationInfo\": {
    \"created\": \"${created}\",
    \"creators\": [\"Tool: ctflowd-sbom.cmake-1\"]
  },
  \"packages\": [${packages}
  ],
  \"relationships\": [${relationships}
  ]
}
")
cmake_path(IS_ABSOLUTE data is_absolute)
if(NOT is_absolute)
  cmake_path(SET data NORMALIZE "${CMAKE_INSTALL_PREFIX}/${data}")
endif()
file(INSTALL "${work}/ctflowd.spdx.json" DESTINATION "${data}")
