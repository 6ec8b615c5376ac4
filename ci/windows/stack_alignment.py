# SPDX-License-Identifier: MIT
"""Check objects for Windows: registers of 32 and 64 bytes never need an aligned stack.

Windows aligns the stack to 16 bytes only.  clang aligns it further in each function that
needs that.  gcc cannot do so for Windows (its bug 54412), so an aligned move of a wide register
crashes at half of the addresses that a stack may have.  Debian's gcc makes such moves
unaligned; any other does with ``-Wa,-muse-unaligned-vector-move`` (binutils 2.38).

    python ci/windows/stack_alignment.py OBJDUMP OBJECT...
    python ci/windows/stack_alignment.py --anywhere OBJDUMP OBJECT...

An aligned move to or from the stack is allowed in functions that align it.  With
``--anywhere``, for gcc, no other aligned move is allowed either, because its pointer may lead to
the stack of the caller; only the program's constants, which the linker aligns, are exempt.
"""

import re
import subprocess
import sys

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
ALIGNS = re.compile(r"\tand +\$0xf+[ec8]0,%rsp")
ALIGNED_MOVE = re.compile(r"\tvmov(dqa\d*|ap[sd]|nt\w+) .*%[yz]mm")
ON_THE_STACK = re.compile(r"\(%r[sb]p\b")
IN_MEMORY = re.compile(r"\((?!%rip)")


def aligned_moves(disassembly: str, where: re.Pattern[str]) -> list[str]:
    """Return the aligned moves of wide registers in functions that do not align their stack."""
    found = []
    name, aligns, moves = "", False, list[str]()
    for line in [*disassembly.splitlines(), "0 <end>:"]:
        if start := FUNCTION.match(line):
            found += [] if aligns else [f"{name}: {move}" for move in moves]
            name, aligns, moves = start[1], False, []
        elif ALIGNS.search(line):
            aligns = True
        elif ALIGNED_MOVE.search(line) and where.search(line):
            moves.append(" ".join(line.split()[1:]))
    return found


def main(*arguments: str) -> int:
    where = IN_MEMORY if arguments[0] == "--anywhere" else ON_THE_STACK
    objdump, *objects = arguments[where is IN_MEMORY :]
    n_wide, found = 0, list[str]()
    for path in objects:
        command = [objdump, "-d", "--no-show-raw-insn", path]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        n_wide += len(re.findall("%[yz]mm", text))
        found += [f"{path}: {move}" for move in aligned_moves(text, where)]
    if found:
        print(*found[:20], f"{len(found)} moves need an aligned stack that is not", sep="\n")
        return 1
    if not n_wide:
        print("no wide registers: these are not the objects of the kernels")
        return 1
    print(f"no wide register needs an aligned stack ({len(objects)} objects)")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
