"""What the tests share: the server under test, the simulated phones, and the receivers of webhooks.

Nothing here imitates the server. Every helper talks to the real program over HTTP.
"""
