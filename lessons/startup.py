# What `make lab` has each kernel run first (PYTHONSTARTUP): see lessons/missed.py.
try:
    from lessons import missed

    missed.install()
except Exception:  # a kernel of another environment: it need not know the course
    pass
