//! Load testing and profiling in one run.
