"""The market: memories offered, granted, installed, metered and taken back; and marks by which a leak is traced."""
