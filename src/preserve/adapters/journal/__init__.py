"""The journal of the open run: what was asked for, what is done, where each record lies. SQLite in WAL mode.

Promises. A target is done here only after its records are in the WARC file, in one transaction with them, so that after a kill
the file may hold more than the journal (a torn tail, cut off and kept aside) but never less. Commits reach the file at once
and the disk at the next `sync`; a power cut loses at most what came since, and `records()` lets the recovery notice it.
The frontier lives in the table `targets`, handed out in windows and ordered by turn: the n-th target of every host comes before
the (n+1)-th of any, which is fair to hosts and keeps memory flat for any number of addresses.
Several processes may share a run: each writes WARC files of its own, and takes the targets of its part of the hosts alone. SQLite
lets one write at a time, and the order of the entries of one file is the order in it, whoever else writes in between.
"""

from preserve.adapters.journal.entries import Journal as Journal
