"""Lesson 09: zero-shot and few-shot prompting."""
