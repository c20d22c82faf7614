"""The parts of tools/bench: each table is a module with NAME, ABOUT and table(bench)."""
