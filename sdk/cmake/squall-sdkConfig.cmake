# find_package(squall-sdk CONFIG REQUIRED): the headers as squall::sdk, and squall_add_plugin(). The same file serves an
# installed SDK and a checkout (-Dsquall-sdk_DIR=…/sdk/cmake).
include("${CMAKE_CURRENT_LIST_DIR}/SquallHeaders.cmake")
if(NOT TARGET squall::sdk)
  add_library(squall::sdk INTERFACE IMPORTED)
  target_include_directories(squall::sdk INTERFACE "${SQUALL_SDK_INCLUDE}")
  target_compile_features(squall::sdk INTERFACE cxx_std_20)
endif()
include("${CMAKE_CURRENT_LIST_DIR}/SquallPlugin.cmake")
