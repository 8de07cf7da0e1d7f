"""Lesson 06, Pretraining: what its notebook and its recorded sweep share."""
