"""Fernhollow: a small invented place, written by a seeded program that knows the truth of it."""
