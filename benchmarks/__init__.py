"""Speed against peers: each row is a ratio, measured pair by pair in one process."""
