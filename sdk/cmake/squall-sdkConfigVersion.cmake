# The SDK's version is the ABI's: until 1.0 host and plugin need the same one, after it the host a minor at least as new.
include("${CMAKE_CURRENT_LIST_DIR}/SquallHeaders.cmake")
set(PACKAGE_VERSION ${SQUALL_SDK_VERSION})
set(_squall_wanted ${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR})
if(_squall_wanted VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
elseif(_squall_abi_MAJOR GREATER 0 AND PACKAGE_FIND_VERSION_MAJOR EQUAL _squall_abi_MAJOR
       AND _squall_wanted VERSION_LESS PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
