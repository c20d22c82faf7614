# squall_add_plugin(NAME SOURCES a.cpp … [LINKS lib …]): one plugin, a shared library that exports
# squall_plugin_entry_v1 and nothing else.  The version script is not optional: RTLD_LOCAL alone does
# not keep two plugins' template statics apart, and the loader refuses a plugin that exports more.
set(SQUALL_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(squall_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(squall_plugin_${name} MODULE ${ARG_SOURCES})
  target_link_libraries(squall_plugin_${name} PRIVATE squall::sdk ${ARG_LINKS})
  target_link_options(squall_plugin_${name} PRIVATE
                      -Wl,--version-script=${SQUALL_VERSION_SCRIPT} -Wl,-z,defs -Wl,-z,now)
  set_target_properties(squall_plugin_${name} PROPERTIES
    OUTPUT_NAME ${name} PREFIX "lib"
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${SQUALL_VERSION_SCRIPT})
  if(SQUALL_PLUGIN_DIR)
    set_target_properties(squall_plugin_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SQUALL_PLUGIN_DIR})
  endif()
  if(SQUALL_SANITIZE)   # the sanitizer's runtime is the host's: its symbols stay undefined here
    target_link_options(squall_plugin_${name} PRIVATE -Wl,-z,undefs)
  endif()
endfunction()

# squall_add_plugin_test(NAME SOURCES test.cpp … [LINKS lib …]): a test of ctest, NAME_test, in which <squall/testing/fake_host.hpp>
# loads the plugin NAME of squall_add_plugin().
function(squall_add_plugin_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE squall::sdk ${CMAKE_DL_LIBS} ${ARG_LINKS})
  target_compile_definitions(${name}_test PRIVATE SQUALL_PLUGIN_DIR="$<TARGET_FILE_DIR:squall_plugin_${name}>")
  add_dependencies(${name}_test squall_plugin_${name})
  add_test(NAME ${name}_test COMMAND ${name}_test)
endfunction()
