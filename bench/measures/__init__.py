"""One module for each measure; `measure(quick)` returns its rows, the docstring its title."""
