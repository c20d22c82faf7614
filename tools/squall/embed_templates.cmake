# cmake -DFOLDER=templates -DOUTPUT=template_files.cpp -P embed_templates.cmake: the files of templates/KIND/, as they are, in
# the program. Their text must not hold `)~~~"`.
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  string(REGEX MATCH "^([^/]+)/(.+)$" whole "${file}")
  file(READ "${FOLDER}/${file}" text)
  string(APPEND rows "    {\"${CMAKE_MATCH_1}\", \"${CMAKE_MATCH_2}\",\n     R\"~~~(${text})~~~\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"template_files.hpp\"\n\nnamespace squall {\n\nstatic constexpr TemplateFile kFiles[] = {\n${rows}};\n"
                     "const std::span<const TemplateFile> kTemplateFiles = kFiles;\n\n}  // namespace squall\n")
