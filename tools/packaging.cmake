# cmake --install BUILD [--prefix DIR] and `cpack -G DEB`: the program, and the SDK with which plugins are built.
# Plugins stand beside the program's bin, in lib/squall/plugins, where it looks for them: not in the folder that a
# distribution has for libraries.
install(TARGETS squall RUNTIME DESTINATION bin COMPONENT program)
install(TARGETS squall-plugin-check RUNTIME DESTINATION lib/squall COMPONENT program)
foreach(plugin http mqtt tcp udp job jsonl prometheus elastic)
  install(TARGETS squall_plugin_${plugin} LIBRARY DESTINATION lib/squall/plugins COMPONENT program)
endforeach()
# The schema is what the program prints that was just built, with its plugins and no others.
install(CODE "
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=SQUALL_PLUGIN_PATH $<TARGET_FILE:squall> schema
                  OUTPUT_FILE ${CMAKE_BINARY_DIR}/scenario.schema.json COMMAND_ERROR_IS_FATAL ANY)" COMPONENT program)
install(FILES ${CMAKE_BINARY_DIR}/scenario.schema.json DESTINATION share/squall COMPONENT program)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples DESTINATION share/doc/squall COMPONENT program)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/squall RENAME copyright COMPONENT program)

# find_package(squall-sdk) finds it in every prefix that it searches, among them that of a `bin` on the PATH.
set(sdk_package share/cmake/squall-sdk)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/include/squall DESTINATION include COMPONENT sdk)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/cmake/ DESTINATION ${sdk_package} COMPONENT sdk)
install(FILES ${CMAKE_SOURCE_DIR}/docs/plugins.md ${CMAKE_SOURCE_DIR}/docs/abi-policy.md ${CMAKE_SOURCE_DIR}/docs/abi-reference.md DESTINATION share/doc/squall-sdk COMPONENT sdk)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/squall-sdk RENAME copyright COMPONENT sdk)
# The same for a `bin` in a build folder: the SDK of the checkout.
foreach(file squall-sdkConfig squall-sdkConfigVersion)
  file(WRITE ${CMAKE_BINARY_DIR}/${sdk_package}/${file}.cmake "include(\"${CMAKE_SOURCE_DIR}/sdk/cmake/${file}.cmake\")\n")
endforeach()

set(CPACK_PACKAGE_NAME squall)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_CONTACT "the authors of squall")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program sdk)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME squall)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS squall-sdk)
set(CPACK_DEBIAN_SDK_PACKAGE_NAME squall-sdk)
set(CPACK_DEBIAN_SDK_DESCRIPTION "Headers and CMake functions to write plugins for squall")
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_SDK_PACKAGE_RECOMMENDS "squall, cmake (>= 3.25), ninja-build, g++ (>= 4:12), python3")
include(CPack)
