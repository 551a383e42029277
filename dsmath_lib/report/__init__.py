"""Plots, pages and the claims ledger."""
