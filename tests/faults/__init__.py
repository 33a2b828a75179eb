"""The fault harness: the flow is killed at every boundary, and must lose and pay twice nothing.

Runs are real processes that die by SIGKILL. The stand-ins for sec.gov and the model live
in the harness's own process, so that their ledgers outlive every kill and are what the
two invariants are checked against, together with the store's tables.

``PYTHONPATH=.:tests python -m faults`` makes ``docs/faults.md``, in about half an hour.
"""
