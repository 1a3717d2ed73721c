"""What benches and fault tests share: programs under test, HTTP clients, load, receivers, measurements.

Plain Python and its standard library only. Nothing here shares code with the server.
"""
