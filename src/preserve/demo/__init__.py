"""What `preserve demo` works on: two documents written for it, and the site that they cite.

Everything here is made up. site.toml says what each address answers, site/ holds the bodies; adapters/demosite.py serves them on
loopback. The names end in .example (RFC 2606 section 3), but for doi.org: a document that cites a DOI cites that resolver.
"""
