"""Is governance kept, hidden, cheap, provable, and final? All parts, each of which can be run by itself.

``governance_access.py``: decisions against an oracle, denied beside missing, the cost of a search, revocation.
``governance_records.py``: changes of the audit log that are found, what is left of an erased user.
``governance_pii.py``: what of personal data is found by its form.
"""

from __future__ import annotations

import governance_access
import governance_pii
import governance_records
import report


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("Access, audit, erasure and redaction.").parse_args()
    access = governance_access.measure(quick=chosen.quick, seed=chosen.seed)
    governance_access.show(access)
    records = governance_records.measure(quick=chosen.quick, seed=chosen.seed)
    report.table("Audit and erasure", ["what", "value"], [[name, value] for name, value in records.items()])
    pii = governance_pii.measure(chosen.data, quick=chosen.quick)
    governance_pii.show(pii)
    report.finish({**access, **records, **pii}, chosen)


if __name__ == "__main__":
    main()
