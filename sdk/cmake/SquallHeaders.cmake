# SQUALL_SDK_INCLUDE: the folder of <squall/abi.h>, beside this one in a checkout and in the prefix's include once
# installed. SQUALL_SDK_VERSION: the version of the ABI that these headers describe, which is what a plugin depends on.
get_filename_component(_squall_here "${CMAKE_CURRENT_LIST_FILE}" REALPATH)   # /lib may be a link to /usr/lib
get_filename_component(_squall_here "${_squall_here}" DIRECTORY)
foreach(_squall_up .. ../../..)
  if(EXISTS "${_squall_here}/${_squall_up}/include/squall/abi.h")
    get_filename_component(SQUALL_SDK_INCLUDE "${_squall_here}/${_squall_up}/include" ABSOLUTE)
    break()
  endif()
endforeach()
foreach(_squall_part MAJOR MINOR)
  file(STRINGS "${SQUALL_SDK_INCLUDE}/squall/abi.h" _squall_line REGEX "^#define SQ_ABI_${_squall_part} ")
  string(REGEX REPLACE "^#define SQ_ABI_${_squall_part} ([0-9]+).*" "\\1" _squall_abi_${_squall_part} "${_squall_line}")
endforeach()
set(SQUALL_SDK_VERSION ${_squall_abi_MAJOR}.${_squall_abi_MINOR})
