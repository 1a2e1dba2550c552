"""Who answers which port: the one place where adapters are chosen and put together.

A module for each job, so that a command loads what its own job needs and nothing else.
"""
