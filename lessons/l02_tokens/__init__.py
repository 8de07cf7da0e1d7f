"""Lesson 02: tokens."""
