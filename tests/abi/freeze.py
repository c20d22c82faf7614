#!/usr/bin/env python3
"""freeze.py RELEASE: writes down in tests/abi/RELEASE what abi.h says today, so that no later change can take it back.

Done once for each minor, when it is released; after that the folder is never edited. Makes:
  layout_1_0.c   size of each struct, place, size and type of each field, value of each enumerator and macro, text of each id
  anchor.c       a library with one function for each struct, from which abidw sees all that can be reached
  abi-1.0.abi    abidw's dump of that library, built by gcc with -g
  squall/        the headers that plugins of that release are built with, abi.h and the SDK's own
Everything is taken with SQ_TARGET_MINOR of that release. Needs clang, gcc and abidw. `--again` writes over a folder that is there:
right until the release is out, wrong for ever after.
"""
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HEADERS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "sdk/include/squall")
CALLS = ("SQ_HIST_LOW(0)", "SQ_HIST_LOW(1023)", "SQ_HIST_LOW(1024)", "SQ_HIST_LOW(1025)", "SQ_HIST_LOW(5000)", "SQ_HIST_LOW(27647)")

LAYOUT_HEAD = """\
/* Made by tests/abi/freeze.py when {release} was frozen; never edited.  What a plugin for ABI {release} was built with must hold of every
   later abi.h of this major.  Compiled as C11 and as C++17, which sees types and texts as well. */
#define SQ_TARGET_MINOR {minor}
#include <squall/abi.h>

#ifdef __cplusplus
#include <type_traits>
static constexpr bool is_same_text(const char *a, const char *b) {{
  return *a == *b && (*a == 0 || is_same_text(a + 1, b + 1));
}}
#define TEXT(name, text) static_assert(is_same_text(name, text), #name " was " text)
#define TYPE(type, field, ...) static_assert(std::is_same_v<decltype(type::field), __VA_ARGS__>, #type "." #field " has another type")
#define VALUE(name, value) static_assert((long long)(name) == (value), #name " was " #value)
#define SIZE(type, size) static_assert(sizeof(type) == (size), #type " had " #size " bytes")
#define PLACE(type, field, at, size) \\
  static_assert(offsetof(type, field) == (at) && sizeof(((type *)0)->field) == (size), #type "." #field " was " #size " bytes at " #at)
#else
#define TEXT(name, text) _Static_assert(sizeof(name) == sizeof(text), #name " was " text)
#define TYPE(type, field, ...) _Static_assert(sizeof(((type *)0)->field) > 0, "")
#define VALUE(name, value) _Static_assert((long long)(name) == (value), #name " was " #value)
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " had " #size " bytes")
#define PLACE(type, field, at, size) \\
  _Static_assert(offsetof(type, field) == (at) && sizeof(((type *)0)->field) == (size), #type "." #field " was " #size " bytes at " #at)
#endif
"""


def output_of(*words, **more):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def declarations(node):
    for child in node.get("inner", []):
        if child["kind"] == "LinkageSpecDecl":
            yield from declarations(child)
        else:
            yield child


def fields_of(record, prefix=""):
    """(path, type) of each field; a nameless struct or union stands for its fields and has no type of its own."""
    nameless = {}
    for child in record.get("inner", []):
        if child["kind"] == "CXXRecordDecl" and child.get("completeDefinition"):
            nameless[child["id"]] = last = child
        if child["kind"] == "FieldDecl":
            type_name = child["type"]["qualType"]
            if "unnamed" in type_name or "anonymous" in type_name:
                yield from fields_of(last, f"{prefix}{child['name']}.")
            else:
                yield prefix + child["name"], type_name


def read_header(include, minor):
    """What abi.h declares with that target: structs with their fields, enumerators, macros of a text or number."""
    options = [f"-DSQ_TARGET_MINOR={minor}", "-I", include, "-x", "c++", "-std=c++17"]
    tree = json.loads(output_of("clang", "-Xclang", "-ast-dump=json", "-fsyntax-only", *options, "-include", "squall/abi.h", os.devnull))
    structs, enumerators = {}, []
    for node in declarations(tree):
        if node["kind"] == "CXXRecordDecl" and node.get("completeDefinition") and node.get("name", "").startswith("sq_"):
            structs[node["name"]] = list(fields_of(node))
        if node["kind"] == "EnumDecl":
            enumerators += [child["name"] for child in node["inner"] if child["kind"] == "EnumConstantDecl" and child["name"].startswith("SQ_")]
    macros = re.findall(r'^#define (SQ_\w+) ("[^"]*"|0x[0-9A-Fa-f]+u?|\d+u?)$', output_of(
        "clang", "-E", "-dM", *options, "-include", "squall/abi.h", os.devnull), re.M)
    macros = sorted((name, text) for name, text in macros if name not in ("SQ_ABI_MINOR", "SQ_TARGET_MINOR"))
    return structs, enumerators, macros


def measured(include, minor, folder, structs, names):
    """Sizes, places and values, as gcc has them."""
    lines = [f'P("SIZE({name}, %zu);\\n", sizeof({name}));' for name in structs]
    for name, fields in structs.items():
        lines += [f'P("PLACE({name}, {path}, %zu, %zu);\\n", offsetof({name}, {path}), sizeof((({name} *)0)->{path}));' for path, _ in fields]
    lines += [f'P("VALUE({name}, %lld);\\n", (long long){name});' for name in names]
    source = os.path.join(folder, "measure.c")
    with open(source, "w") as file:
        file.write("#include <stdio.h>\n#include <squall/abi.h>\n#define P printf\nint main(void) {\n" + "\n".join(lines) + "\n}\n")
    program = os.path.join(folder, "measure")
    subprocess.run(["gcc", "-std=c11", f"-DSQ_TARGET_MINOR={minor}", "-I", include, "-o", program, source], check=True)
    text = output_of(program)
    os.remove(source)
    os.remove(program)
    return text


def freeze(release, again):
    minor = int(release.split(".")[1])
    folder = os.path.join(HERE, release)
    if os.path.exists(os.path.join(folder, "squall")) and not again:
        sys.exit(f"{folder} is frozen")
    os.makedirs(os.path.join(folder, "squall"), exist_ok=True)
    include = os.path.dirname(HEADERS)
    structs, enumerators, macros = read_header(include, minor)
    numbers = [name for name, text in macros if not text.startswith('"')]
    with open(os.path.join(folder, f"layout_{release.replace('.', '_')}.c"), "w") as file:
        file.write(LAYOUT_HEAD.format(release=release, minor=minor) + "\n")
        file.write(measured(include, minor, folder, structs, [*enumerators, *numbers, *CALLS]) + "\n")
        for name, fields in structs.items():
            file.writelines(f"TYPE({name}, {path}, {type_name});\n" for path, type_name in fields if "." not in path)
        file.write("\n" + "".join(f"TEXT({name}, {text});\n" for name, text in macros if text.startswith('"')))
    with open(os.path.join(folder, "anchor.c"), "w") as file:
        file.write(f"/* Made by tests/abi/freeze.py when {release} was frozen; never edited. */\n#include <squall/abi.h>\n\n")
        file.writelines(f"void anchor_{name}(const {name} *it) {{ (void)it; }}\n" for name in structs)
        file.write("void anchor_entry(sq_plugin_entry_fn it) { (void)it; }\nvoid anchor_status(sq_status it) { (void)it; }\n")
    sys.path.insert(0, HERE)
    import guard
    library = guard.anchor(release, include, folder)
    subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed",
                    "--out-file", os.path.join(folder, f"abi-{release}.abi"), library], check=True)
    os.remove(library)
    for name in sorted(name for name in os.listdir(HEADERS) if name.endswith((".h", ".hpp"))):
        shutil.copyfile(os.path.join(HEADERS, name), os.path.join(folder, "squall", name))
    print(f"{release}: {len(structs)} structs, {sum(map(len, structs.values()))} fields, {len(enumerators)} enumerators, {len(macros)} macros")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--again"]
    if len(words) != 1 or not re.fullmatch(r"\d+\.\d+", words[0]):
        sys.exit(__doc__)
    freeze(words[0], "--again" in sys.argv)
