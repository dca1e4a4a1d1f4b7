"""Tasks: what is predicted. One file a task; `task.py` is the contract."""
