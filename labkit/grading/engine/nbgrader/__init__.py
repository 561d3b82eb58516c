"""What slips into nbgrader: its ``Autograde`` in three movements, its feedback, its gradebook."""
