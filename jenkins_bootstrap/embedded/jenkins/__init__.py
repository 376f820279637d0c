"""A stand-in for Jenkins as far as its jobs go: what is posted, listed, renamed, moved and deleted over HTTP.

It builds nothing, scans nothing and runs no Groovy. True to a real one, as tests/acceptance/test_jobs_fidelity.py has
it (both given the same calls, core 2.516): statuses, the tree of jobs and its order, names that differ in case alone
(a folder tells them apart, Jenkins itself does not), descriptions, whether a job is disabled, definitions after
normalisation, how many scans a call asks for, no crumb for whoever signs in by token.

Not so: a definition comes back byte for byte as it was sent (Jenkins writes it anew, the same XML), and after a save
with our guess of what Jenkins adds; of XML 1.1 only what 1.0 has too; no session, no other account, no permissions;
plugins are a fixed list. A path, parameter or class that is not modelled is answered with 404 or 501, counted, and
told by /-/calls: it never looks as if something was done.

Beside Jenkins' own paths: GET and DELETE /-/calls, GET /-/items, GET, PUT and DELETE /-/faults (see faults.py).
"""
