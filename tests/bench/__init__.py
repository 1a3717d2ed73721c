"""The figures: one module for each sub-command of `script/bench`."""
