"""Telling people of scheduled captures: a module for each way, each with one class that fills `ports.Notifier`.

The operator named each address, so it may lie in a private network; that goes for this host and this port alone: no redirect is
followed, no proxy is asked. Sending never takes longer than a minute, and never raises for what the other side does.
"""
