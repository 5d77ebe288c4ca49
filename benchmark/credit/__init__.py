"""The mathematics of credit assignment: pure torch functions, no Lightning, no configuration."""
