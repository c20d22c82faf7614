# cmake --install BUILD [--prefix DIR] and `cpack -G DEB`. Plugins stand beside the program's bin, in lib/squall/plugins,
# where it looks for them: not in the folder that a distribution has for libraries.
install(TARGETS squall RUNTIME DESTINATION bin)
foreach(plugin http mqtt tcp udp job jsonl)
  install(TARGETS squall_plugin_${plugin} LIBRARY DESTINATION lib/squall/plugins)
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/ DESTINATION share/squall/sdk)   # SQUALL_SDK of a plugin's project
# The schema is what the program prints that was just built, with its plugins and no others.
install(CODE "
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=SQUALL_PLUGIN_PATH $<TARGET_FILE:squall> schema
                  OUTPUT_FILE ${CMAKE_BINARY_DIR}/scenario.schema.json COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${CMAKE_BINARY_DIR}/scenario.schema.json DESTINATION share/squall)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples DESTINATION share/doc/squall)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/squall RENAME copyright)

set(CPACK_PACKAGE_NAME squall)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_CONTACT "the authors of squall")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
