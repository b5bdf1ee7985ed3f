"""What tests and demonstrations need, shipped with the package: clocks and worlds."""
