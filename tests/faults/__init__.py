"""Crash and fault tests: what an acknowledged message survives. Started by `script/bench faults`."""
