"""The nouns: frozen, slotted, keyword-only dataclasses, one module for each stretch of the flow.

document.py   Document, passages and notes; Citation
tree.py       Entry: what a folder holds
web.py        Target, Exchange, Record, Stored, Capture
trust.py      Manifest and what it lists; keys, checkpoints, proofs
finding.py    Claim, Finding, Report
"""
